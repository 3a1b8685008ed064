// What kubehop trace writes: YAML, a diagram, the words of the trade, packets in a file; and what it says when the lab is killed meanwhile.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { readPcapng } from '../../src/trace/testing/pcapng.ts'
import type { Trace } from '../../src/trace/types.ts'
import { run, startTestLab, type TestLab } from './harness.ts'

const main = resolve('src/cli/main.ts')
let lab: TestLab
before(async () => {
  lab = await startTestLab('output', '--nodes', '2', '-f', 'examples/shop')
})
after(async () => lab?.down())

test('the words of the trade are told without any lab, and so is what a command lacks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kh-'))
  try {
    const alone = { KUBEHOP_STATE: join(folder, 'state') }
    const { code, out, err } = await run(process.execPath, [main, 'trace', '--explain'], alone)
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^words\n {2}pod +\S/)
    assert.match(out, /\n {2}conntrack +\S/)
    const lacking = await run(process.execPath, [main, 'trace', 'client'], alone)
    assert.deepEqual([lacking.code, lacking.out], [2, ''])
    assert.match(lacking.err, /^kubehop trace: FROM and TO are needed\n/)
    const sent = await run(process.execPath, [main, 'trace', 'client', 'http://web/', '--explain'], alone)
    assert.deepEqual([sent.code, sent.err], [1, 'kubehop trace: no lab runs: start one with `kubehop up`\n'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const output = async (...more: string[]): Promise<string> => {
  const { code, out, err } = await lab.kubehop('trace', 'client', 'http://web/', ...more)
  assert.equal(code, 0, `${out}\n${err}`)
  return out
}

test('as YAML it says what it says as JSON', async () => {
  const [json, yaml] = [await output('--dry-run', '-o', 'json'), await output('--dry-run', '-o', 'yaml')]
  assert.throws(() => JSON.parse(yaml))
  const timeless = (trace: Trace): object => ({ ...trace, ms: 0 })
  assert.deepEqual(timeless(parse(yaml) as Trace), timeless(JSON.parse(json) as Trace))
  const seen = parse(await output('-o', 'yaml')) as Trace
  assert.deepEqual([seen.verdict, seen.status, seen.agrees], ['delivered', '200 OK', true])
  const asJson = JSON.parse(await output('-o', 'json')) as Trace
  assert.deepEqual(Object.keys(seen), Object.keys(asJson))
  assert.deepEqual(Object.keys(seen.hops[0] ?? {}), Object.keys(asJson.hops[0] ?? {}))
})

test('as a diagram it names every place on the way, and as text the words that are in it', async () => {
  const trace = JSON.parse(await output('-o', 'json')) as Trace
  const diagram = await output('-o', 'mermaid')
  assert.match(
    diagram,
    /^sequenceDiagram\n {2}title default\/client -> http:\/\/web\/: delivered, 200 OK after [\d.]+ ms\n/,
  )
  const named = [...diagram.matchAll(/^ {2}participant p\d+ as (.*)$/gm)].map(([, name]) => name)
  assert.deepEqual(named.toSorted(), [...new Set([...trace.hops, ...trace.reply].map(({ place }) => place))].toSorted())
  assert.match(diagram, /\n {2}p1->>dns: web\.default\.svc\.cluster\.local A\?\n/)
  const text = await output('--explain')
  const [story = '', words] = text.split('\nwords\n')
  assert.match(story, /^client -> http:\/\/web\/ {4}delivered/)
  assert.match(words ?? '', /^ {2}pod +\S/m)
  assert.doesNotMatch(await output(), /\nwords\n/)
  const json = await lab.kubehop('trace', 'client', 'http://web/', '--explain', '-o', 'json')
  assert.deepEqual([json.code, json.out], [2, ''])
})

test('--pcap puts the packets of one request into a file, each with the interface at which it was seen', async () => {
  const path = join(lab.folder, 'one.pcapng')
  const trace = JSON.parse(await output('-o', 'json', '--pcap', path)) as Trace
  assert.equal(trace.verdict, 'delivered')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const { interfaces, packets } = readPcapng(readFileSync(path))
  const names = packets.map((packet) => interfaces[packet.interface]?.name ?? '')
  for (const { place, device } of trace.hops.filter(({ component }) => component === 'pod'))
    assert.ok(
      names.some((name) => name.includes(place) && name.includes(device)),
      `${place} ${device} in ${[...new Set(names)].join()}`,
    )
  for (const text of ['GET / HTTP/1.1', 'HTTP/1.1 200 OK'])
    assert.ok(
      packets.some(({ bytes }) => Buffer.from(bytes).includes(text)),
      text,
    )
  assert.deepEqual(
    readdirSync(lab.folder).filter((name) => name.includes('.part')),
    [],
  )
})

/** A process and everything that it has begun. */
function familyOf(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    )
    return [pid, ...children.flatMap(familyOf)]
  } catch {
    return [] // it ended meanwhile
  }
}

const netnsOf = (pid: number): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return undefined // it ended, or is somebody else's
  }
}
/** For as long as it is held, no new namespace of another lab gets its number. */
function holdNetns(pid: number): { fd: number; name: string }[] {
  try {
    const fd = openSync(`/proc/${pid}/ns/net`, 'r')
    return [{ fd, name: readlinkSync(`/proc/self/fd/${fd}`) }]
  } catch {
    return [] // it ended
  }
}
const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** Packet sockets on all nodes. */
const watching = (nodes: readonly string[]): number[] =>
  nodes.map((node) => {
    const lines = readFileSync(`/proc/${lab.pidOf(`kubehop node ${node}`)}/net/packet`, 'utf8').trim()
    return lines.split('\n').length - 1
  })

test('Ctrl-C ends many requests with the account of those that were sent', async () => {
  const child = spawn(process.execPath, [main, 'trace', 'client', 'http://web/', '--count', '1000', '-o', 'json'], {
    env: { ...process.env, ...lab.env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let out = ''
  child.stdout.on('data', (text) => (out += String(text)))
  const ended = once(child, 'close')
  await lab.until(
    'the trace stands',
    async () => watching(['node1', 'node2']),
    (counts) => counts.some((count) => count > 0),
  )
  child.kill('SIGINT')
  const [code] = await ended
  const { repeats } = JSON.parse(out) as Trace
  assert.deepEqual([code, repeats?.asked, repeats?.stopped], [0, 1000, true])
  assert.ok((repeats?.count ?? 0) >= 1 && (repeats?.count ?? 0) < 1000)
})

// The last test: it ends the lab.
test('kill -9 of the whole lab ends a watch and a trace with a clear error at once, and leaves nothing', async (t) => {
  const record = join(lab.env['KUBEHOP_STATE'] ?? '', lab.name, 'lab.json')
  const { init } = JSON.parse(readFileSync(record, 'utf8')) as { init: { pid: number } }
  const family = familyOf(init.pid)
  const here = netnsOf(process.pid)
  const held = family.filter((pid) => netnsOf(pid) !== here).flatMap(holdNetns)
  t.after(() => held.forEach(({ fd }) => closeSync(fd)))
  const spaces = new Set(held.map(({ name }) => name))
  assert.ok(spaces.size > 3, `${family.length} processes in ${spaces.size} namespaces`)
  const path = join(lab.folder, 'broken.pcapng')
  // Nobody has the address, and nobody says so: for a minute it waits for an answer.
  const trace = lab.kubehop('trace', 'client', '100.64.99.99:80', '--timeout', '60')
  await lab.until(
    'the trace stands',
    async () => watching(['node1', 'node2']),
    (counts) => counts.some((count) => count > 0),
  )
  const child = spawn(process.execPath, [main, 'trace', 'deploy/web', 'api', '--live=60', '--pcap', path], {
    env: { ...process.env, ...lab.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text) => (said += String(text)))
  await once(child.stdout, 'data')
  process.kill(init.pid, 'SIGKILL')
  const killed = performance.now()
  const [[code], traced] = await Promise.all([once(child, 'close'), trace])
  assert.ok(performance.now() - killed < 10_000)
  const broke = /^kubehop trace: the (trace|watch) broke off: the lab ended, .*\n$/
  assert.equal(code, 1)
  assert.match(said, broke)
  assert.deepEqual([traced.code, traced.out], [1, ''])
  assert.match(traced.err, broke)
  assert.ok(!existsSync(path))
  assert.deepEqual(
    readdirSync(lab.folder).filter((name) => name.includes('.part')),
    [],
  )
  await lab.until(
    'its processes and namespaces go',
    async () => pids().filter((pid) => spaces.has(netnsOf(pid) ?? '')),
    (left) => left.length === 0,
  )
  const late = await lab.kubehop('trace', 'client', 'http://web/')
  assert.match(late.err, /is not running any more \(killed, or the machine restarted\)/)
})
