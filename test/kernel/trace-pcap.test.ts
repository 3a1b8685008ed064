// All hops of a trace in one file, read by a reader of the draft's words and, where they are there, by tshark and capinfos.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { traceRequest } from '../../src/trace/coordinate.ts'
import { Capture } from '../../src/trace/pcap/capture.ts'
import { pcapFile } from '../../src/trace/pcap/file.ts'
import { type PcapFile, readPcapng } from '../../src/trace/testing/pcapng.ts'
import type { Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

let world: World
let folder: string
let trace: Trace
let bytes: Buffer
let file: PcapFile
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubehop-pcap-'))
  world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2')
  world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
  world.teach()
  await world.program(
    'far',
    `require('http').createServer((q, r) => r.end('x'.repeat(3000))).listen(8080, () => console.log('ready'))`,
  )
  const capture = new Capture()
  trace = await traceRequest({ ...world.around(), from: 'client', to: 'http://100.64.0.21/', capture })
  bytes = Buffer.concat([...pcapFile(capture, [trace], 'client -> http://100.64.0.21/: delivered')])
  file = readPcapng(bytes)
})
after(async () => {
  await world[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

test('there is an interface for each device of each place, and every hop is a packet with its sentence', () => {
  assert.equal(file.comment, 'client -> http://100.64.0.21/: delivered')
  const names = file.interfaces.map(({ name }) => name.replace(/veth\d+/, 'veth'))
  assert.deepEqual(
    names.sort(),
    [
      'node1/cbr0',
      'node1/eth0',
      'node1/veth',
      'node2/cbr0',
      'node2/eth0',
      'node2/veth',
      'router/eth0',
      'shop/client/eth0',
      'shop/far/eth0',
    ].sort(),
  )
  assert.equal(file.interfaces.find(({ name }) => name === 'shop/client/eth0')?.description, 'pod shop/client on node1')
  const comments = file.packets.flatMap((packet) => packet.comments)
  assert.deepEqual(comments.toSorted(), [...trace.hops, ...trace.reply].map(({ say }) => say).sort())
  assert.deepEqual(
    [...file.names]
      .filter(([, [name = '']]) => /pod|svc/.test(name))
      .map(([ip, [name]]) => `${ip} ${name}`)
      .sort(),
    [
      `${world.addressOf('client')} client.shop.pod`,
      `${world.addressOf('far')} far.shop.pod`,
      '100.64.0.21 far-svc.shop.svc',
    ].sort(),
  )
})

test('packets are in the order of their time, and whole', () => {
  const times = file.packets.map(({ time }) => time)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  )
  assert.ok(file.packets.every((packet) => packet.bytes.length === packet.length))
  // The answer's text, joined for the cable or not.
  assert.ok(file.packets.some((packet) => packet.length > 1000))
})

const tshark = process.env['TSHARK']
test('tshark and capinfos read it as it was meant', { skip: tshark === undefined && 'tshark is not here' }, () => {
  const path = join(folder, 'trace.pcapng')
  writeFileSync(path, bytes)
  const run = (program: string, ...args: string[]): string[] =>
    execFileSync(join(tshark ?? '', 'usr/bin', program), args, {
      encoding: 'utf8',
      env: {
        LD_LIBRARY_PATH: join(tshark ?? '', 'usr/lib/x86_64-linux-gnu'),
        HOME: folder,
        PATH: process.env['PATH'] ?? '',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .trimEnd()
      .split('\n')
  const fields = [
    'frame.interface_name',
    'frame.comment',
    'ip.src_host',
    'frame.time_epoch',
    'frame.packet_flags_direction',
    'http.response.code',
  ]
  const rows = run(
    'tshark',
    '-n',
    '-N',
    'n',
    '-r',
    path,
    '-T',
    'fields',
    ...fields.flatMap((field) => ['-e', field]),
  ).map((row) => row.split('\t'))
  assert.equal(rows.length, file.packets.length)
  for (const [at, [name, comment, , time]] of rows.entries()) {
    const packet = file.packets[at]
    assert.equal(name, file.interfaces[packet?.interface ?? -1]?.name)
    assert.equal(comment ?? '', packet?.comments.join(',') ?? '')
    assert.equal(BigInt((time ?? '').replace('.', '')), packet?.time)
  }
  assert.ok(
    rows.some(([, , host]) => host === 'client.shop.pod'),
    rows.join('\n'),
  )
  assert.ok(rows.some((row) => row[5] === '200'))
  const info = run('capinfos', '-c', '-E', '-F', '-M', path).join('\n')
  assert.match(info, new RegExp(`Number of packets:\\s+${file.packets.length}\\b`))
  assert.match(info, /File encapsulation:\s+ether\b.*precision:\s+nanoseconds/s)
})
