import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { runFilter } from '../testing/bpf.ts'
import { type FrameWish, frameOf } from '../testing/frames.ts'
import { countFilter, liveFilter } from './filter.ts'
import { type LiveSpec, mostEnds } from './spec.ts'

const [client, service, pod, node] = ['100.96.1.2', '100.64.0.21', '100.96.2.2', '192.168.50.11']
const spec: LiveSpec = {
  live: true,
  id: '00000000',
  protocol: 'tcp',
  from: [address(client)],
  asked: [{ address: address(service), port: 80 }],
  behind: [{ address: address(pod), port: 8080 }],
  wide: [],
  pods: [],
  seconds: 1,
  rate: 1,
}
const masked: LiveSpec = { ...spec, from: [address(client), address(node)] }
const [SYN, RST, ACK] = [0x02, 0x04, 0x10]
const begin: FrameWish = { from: client, to: service, sourcePort: 4000, destinationPort: 80, flags: SYN }
const answer: FrameWish = { from: pod, to: client, sourcePort: 8080, destinationPort: 4000, flags: SYN | ACK }
const quote = (wish: FrameWish): Uint8Array => frameOf(wish).subarray(14)

const rows: [string, LiveSpec, FrameWish, boolean][] = [
  ['what begins, before translation', spec, begin, true],
  ['and after', spec, { ...begin, to: pod, destinationPort: 8080 }, true],
  ['its answer', spec, answer, true],
  ['and put back', spec, { ...answer, from: service, sourcePort: 80 }, true],
  ['a refusal', spec, { ...answer, flags: RST | ACK }, true],
  ['data of it', spec, { ...begin, flags: ACK }, false],
  ['data, where all is wanted', { ...spec, whole: true }, { ...begin, flags: ACK }, true],
  ['another client', spec, { ...begin, from: '100.96.1.3' }, false],
  ['another service', spec, { ...begin, to: '100.64.0.22' }, false],
  ['another port', spec, { ...begin, destinationPort: 81 }, false],
  [
    'somebody who asks the client',
    spec,
    { ...begin, from: pod, to: client, sourcePort: 5000, destinationPort: 80 },
    false,
  ],
  ['a later fragment', spec, { ...begin, fragment: 0x2005 }, false],
  ['the other protocol', spec, { ...begin, protocol: 17 }, false],
  [
    'a masqueraded client, where there can be one',
    masked,
    { ...begin, from: node, to: pod, destinationPort: 8080 },
    true,
  ],
  ['and where not', spec, { ...begin, from: node, to: pod, destinationPort: 8080 }, false],
  ['an answer to it', masked, { ...answer, to: node }, true],
  ['an error about it', spec, { protocol: 1, type: 3, from: node, to: client, payload: quote(begin) }, true],
  [
    'an error about somebody else’s',
    spec,
    { protocol: 1, type: 3, from: node, to: '100.96.1.3', payload: quote({ ...begin, from: '100.96.1.3' }) },
    false,
  ],
  ['a ping', spec, { protocol: 1, type: 8, from: client, to: service }, false],
  [
    'a ping, where pings are watched',
    { ...spec, protocol: 'icmp' },
    { protocol: 1, type: 8, from: client, to: service },
    true,
  ],
  ['a datagram', { ...spec, protocol: 'udp' }, { ...begin, protocol: 17 }, true],
  [
    'any address, where there are too many',
    { ...spec, behind: [], wide: [80, 8080] },
    { ...begin, to: '100.96.9.9', destinationPort: 8080 },
    true,
  ],
]

test('the watch sees one client’s traffic to one service, and nobody else’s', () => {
  for (const [title, of, wish, expected] of rows)
    assert.equal(runFilter(liveFilter(of, { bits: 0, snap: 99 }), frameOf(wish)), expected ? 99 : 0, title)
})

test('a question who has one of the addresses is seen, and no other', () => {
  const arp = (sender: string, target: string): Uint8Array => {
    const bytes = new Uint8Array(42)
    new DataView(bytes.buffer).setUint16(12, 0x0806)
    bytes.set(sender.split('.').map(Number), 28)
    bytes.set(target.split('.').map(Number), 38)
    return bytes
  }
  const sees = (bytes: Uint8Array): boolean => runFilter(liveFilter(spec, { bits: 0, snap: 99 }), bytes) > 0
  assert.ok(sees(arp('100.96.2.1', pod)))
  assert.ok(sees(arp(client, '100.96.1.1')))
  assert.ok(!sees(arp('100.96.2.1', '100.96.2.9')))
})

test('of many connections every place keeps the same ones: by a number that both directions carry', () => {
  let kept = 0
  const filter = liveFilter(spec, { bits: 4, snap: 99 })
  for (let step = 0; step < 1000; step++) {
    const sequence = Math.imul(step, 2_654_435_761) >>> 0
    const there = runFilter(filter, frameOf({ ...begin, sequence })) > 0
    assert.equal(there, (sequence & 15) === 0)
    const back = { ...answer, acknowledgement: (sequence + 1) >>> 0 }
    assert.equal(runFilter(filter, frameOf(back)) > 0, there)
    if (there) kept++
  }
  assert.ok(kept > 30 && kept < 100)
})

test('what is counted is what begins, and what the client asks: not what it is translated to, not answers', () => {
  const counts = (wish: FrameWish): boolean => runFilter(countFilter(spec), frameOf(wish)) > 0
  assert.ok(counts(begin))
  assert.ok(!counts({ ...begin, flags: SYN | ACK }))
  assert.ok(!counts({ ...begin, to: pod, destinationPort: 8080 }))
  assert.ok(!counts(answer))
})

test('as many ends as may be named fit into the machine’s jumps', () => {
  const ends = (net: number): LiveSpec['asked'] =>
    Array.from({ length: mostEnds }, (_, at) => ({ address: address(`10.${net}.0.${at}`), port: 1000 * net + at }))
  const from = Array.from({ length: 16 }, (_, at) => address(`10.9.0.${at}`))
  for (const protocol of ['tcp', 'udp', 'sctp', 'icmp'] as const) {
    const full = { ...spec, protocol, from, asked: ends(1), behind: ends(2) }
    const last = { ...begin, from: '10.9.0.15', to: '10.2.0.31', destinationPort: 2031 }
    const program = liveFilter(full, { bits: 3, snap: 99 })
    if (protocol === 'tcp') assert.equal(runFilter(program, frameOf(last)), 99)
    assert.ok(countFilter(full).length > 0)
  }
})
