// A watch is no wider than what it watches: whose packets the kernel is asked to report, and which of them reach the watcher.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import { printRule } from '../../src/kernel/nftables/print-rule.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { readTrace, type TraceEvent } from '../../src/kernel/nftables/trace.ts'
import type { Agent } from '../../src/trace/agent.ts'
import { endsOf } from '../../src/trace/flow/flow.ts'
import type { LiveSpec } from '../../src/trace/live/spec.ts'
import type { Observation } from '../../src/trace/observation.ts'
import { flagTable } from '../../src/trace/observe/flag.ts'
import type { WatchSpec } from '../../src/trace/observe/spec.ts'
import { readFrame } from '../../src/trace/packet/frame.ts'
import { type Ip, readIp } from '../../src/trace/packet/ip.ts'
import { World } from './trace-world.ts'

const NFNLGRP_NFTRACE = 9
const service = '100.64.0.21'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('other', 'node1')
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.service('far-svc', service, 80, 8080, ['far'])
  world.teach()
  await Promise.all([world.web('near'), world.web('far'), world.web('far', 9090)])
  await world.program('far', `require('dgram').createSocket('udp4').bind(7007, () => console.log('ready'))`)
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

interface Seen {
  /** The packets that any rule of node1 reported, by the first line of each. */
  readonly reported: Ip[]
  readonly packets: Ip[]
  readonly rules: string[]
}

/** Watches on node1, and listens beside it to everything that its kernel reports, whosever it is. */
async function watched(spec: WatchSpec | LiveSpec, meanwhile: () => Promise<unknown>): Promise<Seen> {
  const ns = world.node('node1')
  using nft = openNftables(ns)
  using socket = new NetlinkSocket({
    protocol: NETLINK_NETFILTER,
    ns,
    groups: [NFNLGRP_NFTRACE],
    buffer: 8 * 1024 * 1024,
  })
  const stop = new AbortController()
  const seen: Observation[] = []
  let rules: string[] = []
  let running: Promise<unknown> | undefined
  for await (const one of (world.agents.get('node1') as Agent).observe(spec, stop.signal)) {
    seen.push(one)
    if (one.kind !== 'ready') continue
    const table = nft.read({ name: flagTable(spec.id), family: 'ip' })
    assert.ok(table)
    rules = [...table.chains.values()].flatMap((chain) => chain.rules.map((rule) => printRule(rule, table)))
    running = meanwhile().finally(() => stop.abort())
  }
  await running
  const events = socket.receive().messages.flatMap((message) => readTrace(message) ?? [])
  return {
    reported: [...firstLines(events).values()],
    packets: seen.flatMap((one) => {
      const ip = one.kind === 'packet' ? readFrame(Buffer.from(one.frame, 'base64'))?.ip : undefined
      return ip ? [ip] : []
    }),
    rules,
  }
}

/** A packet is reported by many lines; the first of each chain carries it. */
function firstLines(events: readonly TraceEvent[]): Map<number, Ip> {
  const found = new Map<number, Ip>()
  for (const { id, network, transport } of events) {
    const ip = network && !found.has(id) ? readIp(Buffer.concat([network, transport ?? new Uint8Array()])) : undefined
    if (ip) found.set(id, ip)
  }
  return found
}

/** `tcp 100.96.1.2:40000 -> 100.64.0.21:80` */
const says = (ip: Ip): string => {
  const ends = endsOf(ip)
  return `${ip.transport?.kind} ${ends?.src ?? ip.source} -> ${ends?.dst ?? ip.destination}`
}

/** One request over a connection of its own, by a program that ends with it. */
async function get(pod: string, host: string, port: number, localPort = 0): Promise<void> {
  const options = JSON.stringify({ host, port, localPort, headers: { connection: 'close' } })
  const child = await world.program(
    pod,
    `console.log('begin'); require('http').get(${options}, (r) => r.resume().on('end', () => process.exit()))`,
  )
  if (child.exitCode === null) await once(child, 'exit')
  assert.equal(child.exitCode, 0)
}

/** A datagram from a port. */
async function say(pod: string, host: string, port: number, localPort: number, times = 1): Promise<void> {
  const child = await world.program(
    pod,
    `console.log('begin'); const s = require('dgram').createSocket('udp4').bind(${localPort}, () => {
      let left = ${times}
      for (let i = 0; i < ${times}; i++) s.send('x', ${port}, '${host}', () => --left === 0 && s.close())
    })`,
  )
  if (child.exitCode === null) await once(child, 'exit')
}

test('a trace has the kernel report its own ports alone, and of other connections no more than their beginning is seen', async () => {
  const [client, near, far] = ['client', 'near', 'far'].map((pod) => world.addressOf(pod)) as [string, string, string]
  const { rules, reported, packets } = await watched(
    {
      id: '0000a001',
      protocol: 'tcp',
      port: 40_000,
      addresses: [address(client), address(far)],
      pods: ['shop/client'],
      seconds: 60,
    },
    async () => {
      await get('other', near, 8080)
      await get('client', far, 8080, 40_001)
      await get('client', service, 80, 39_999)
      await say('client', far, 7007, 40_000)
      // Last, so what was reported of the others came before it.
      await get('client', service, 80, 40_000)
    },
  )
  const own = rules.filter((rule) => !/icmp/.test(rule))
  assert.ok(own.length >= 4 && own.every((rule) => /40000/.test(rule)), rules.join('\n'))
  assert.ok(reported.length >= 2)
  assert.deepEqual(
    reported.map(says).filter((text) => !/^tcp .*:40000\b/.test(text)),
    [],
  )
  const strange = packets.filter((ip) => !/^tcp .*:40000\b/.test(says(ip)))
  assert.ok(packets.length > strange.length)
  assert.deepEqual(
    strange.filter(
      ({ source, destination }) => ![client, far].includes(source) && ![client, far].includes(destination),
    ),
    [],
  )
  // Behind a masquerade the request has another port: so beginnings and refusals between those concerned are looked at, and nothing else.
  assert.deepEqual(
    strange.filter(({ transport }) => transport?.kind !== 'tcp' || !(transport.syn || transport.rst)).map(says),
    [],
  )
})

const live = (id: string, more: Partial<LiveSpec>): LiveSpec => ({
  live: true,
  id,
  protocol: 'tcp',
  from: [address(world.addressOf('client'))],
  asked: [{ address: address(service), port: 80 }],
  behind: [{ address: address(world.addressOf('far')), port: 8080 }],
  wide: [],
  pods: ['shop/client'],
  client: 'shop/client',
  rate: 1000,
  seconds: 60,
  ...more,
})

test('a watch has the kernel report, and sees, what its clients send to its servers’ ports, and nobody else', async () => {
  const [client, near, far] = ['client', 'near', 'far'].map((pod) => world.addressOf(pod)) as [string, string, string]
  const { rules, reported, packets } = await watched(live('0000a002', {}), async () => {
    await get('other', service, 80)
    await get('other', far, 8080)
    await get('client', near, 8080)
    await get('client', far, 9090)
    await say('client', far, 7007, 8080)
    await get('client', service, 80, 40_000)
  })
  assert.ok(rules.length > 0)
  for (const set of ['@clients', '@servers', '@ports', 'limit rate'])
    assert.ok(
      rules.every((rule) => rule.includes(set)),
      rules.join('\n'),
    )
  // As it is sent, and as it is translated on its way through the node.
  assert.deepEqual([...new Set(reported.map(says))].toSorted(), [
    `tcp ${client}:40000 -> ${service}:80`,
    `tcp ${client}:40000 -> ${far}:8080`,
  ])
  const ends = new Set(packets.map(says))
  assert.ok(ends.has(`tcp ${client}:40000 -> ${service}:80`))
  assert.deepEqual(
    [...ends].filter((text) => !text.includes(`${client}:40000`)),
    [],
  )
})

test('a storm costs the kernel no more lines than its limit allows', async () => {
  const times = 3000
  const begun = performance.now()
  const far = address(world.addressOf('far'))
  const spec = live('0000a003', { protocol: 'udp', asked: [{ address: far, port: 7007 }], behind: [], whole: true })
  const { reported, packets } = await watched(spec, () => say('client', far, 7007, 0, times))
  const seconds = (performance.now() - begun) / 1000
  assert.ok(packets.length >= times, `${packets.length} packets were seen`)
  // At once, and in each second: live/flag.ts. One chain of two is passed.
  const most = 100 + 200 * seconds
  assert.ok(most < times, `${seconds} s`)
  assert.ok(reported.length > 50 && reported.length <= most, `${reported.length} of ${times} in ${seconds} s`)
})
