import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, type Address, addressBytes } from '../../base/address.ts'
import { runFilter } from '../testing/bpf.ts'
import type { Transport } from '../types.ts'
import { filterFor, snapLength } from './filter.ts'
import type { WatchSpec } from './spec.ts'

const client = address('100.96.1.2')
const spec = (protocol: Transport, addresses: Address[] = [client]): WatchSpec => ({
  id: '00000000',
  protocol,
  port: 40000,
  addresses,
  pods: [],
  seconds: 1,
})

interface Packet {
  protocol?: number
  from?: string
  to?: string
  sourcePort?: number
  destinationPort?: number
  flags?: number
  fragment?: number
  icmpType?: number
  /** An echo's identifier. */
  id?: number
  /** SCTP's first chunk. */
  chunk?: number
  /** Words of options that the IP header has. */
  options?: number
}

function frame({
  protocol = 6,
  from = '1.1.1.1',
  to = '2.2.2.2',
  sourcePort = 1,
  destinationPort = 2,
  flags = 0x10,
  fragment = 0,
  icmpType,
  id = 0,
  chunk,
  options = 0,
}: Packet): Uint8Array {
  const header = 20 + 4 * options
  const bytes = new Uint8Array(14 + header + 40)
  const view = new DataView(bytes.buffer)
  view.setUint16(12, 0x0800)
  bytes[14] = 0x40 | (header / 4)
  view.setUint16(14 + 6, fragment)
  bytes[14 + 9] = protocol
  bytes.set(addressBytes(address(from)), 14 + 12)
  bytes.set(addressBytes(address(to)), 14 + 16)
  view.setUint16(14 + header, sourcePort)
  view.setUint16(14 + header + 2, destinationPort)
  bytes[14 + header + 13] = flags
  if (icmpType !== undefined) {
    bytes[14 + header] = icmpType
    view.setUint16(14 + header + 4, id)
  }
  if (chunk !== undefined) bytes[14 + header + 12] = chunk
  return bytes
}

const SYN = 2
const rows: [string, Transport, Packet, boolean][] = [
  ['the request, by its source port', 'tcp', { sourcePort: 40000 }, true],
  ['the answer, by its destination port', 'tcp', { destinationPort: 40000 }, true],
  ['behind IP options', 'tcp', { sourcePort: 40000, options: 3 }, true],
  ['another connection of the same pod', 'tcp', { from: '100.96.1.2' }, false],
  ['a masqueraded request: other ports, known destination', 'tcp', { to: '100.96.1.2', flags: SYN }, true],
  ['a refusal of a masqueraded request', 'tcp', { from: '100.96.1.2', flags: 0x14 }, true],
  ['somebody else’s SYN', 'tcp', { flags: SYN }, false],
  ['the same port of the other protocol', 'tcp', { protocol: 17, sourcePort: 40000 }, false],
  ['a datagram by its port', 'udp', { protocol: 17, sourcePort: 40000 }, true],
  ['a datagram by its address', 'udp', { protocol: 17, to: '100.96.1.2' }, true],
  ['somebody else’s datagram', 'udp', { protocol: 17 }, false],
  ['a later fragment', 'tcp', { sourcePort: 40000, fragment: 0x2005 }, false],
  ['destination unreachable', 'tcp', { protocol: 1, icmpType: 3 }, true],
  ['time exceeded', 'udp', { protocol: 1, icmpType: 11, options: 1 }, true],
  ['an echo', 'tcp', { protocol: 1, icmpType: 8 }, false],
  ['an echo request, by its identifier', 'icmp', { protocol: 1, icmpType: 8, id: 40000 }, true],
  ['its reply, behind IP options', 'icmp', { protocol: 1, icmpType: 0, id: 40000, options: 2 }, true],
  ['somebody else’s echo', 'icmp', { protocol: 1, icmpType: 8, id: 40001 }, false],
  ['a masqueraded echo', 'icmp', { protocol: 1, icmpType: 8, id: 7, to: '100.96.1.2' }, true],
  ['an ICMP timestamp', 'icmp', { protocol: 1, icmpType: 13, id: 40000, to: '100.96.1.2' }, false],
  ['an error about an echo', 'icmp', { protocol: 1, icmpType: 3 }, true],
  ['TCP, when echoes are asked for', 'icmp', { sourcePort: 40000 }, false],
  ['an INIT by its port', 'sctp', { protocol: 132, sourcePort: 40000, chunk: 1 }, true],
  ['a masqueraded INIT', 'sctp', { protocol: 132, to: '100.96.1.2', chunk: 1 }, true],
  ['a masqueraded INIT ACK', 'sctp', { protocol: 132, from: '100.96.1.2', chunk: 2 }, true],
  ['a masqueraded ABORT', 'sctp', { protocol: 132, from: '100.96.1.2', chunk: 6 }, true],
  ['data of another association', 'sctp', { protocol: 132, from: '100.96.1.2', chunk: 0 }, false],
  ['somebody else’s INIT', 'sctp', { protocol: 132, chunk: 1 }, false],
]

test('the filter lets through what can belong to the request', () => {
  for (const [title, protocol, packet, expected] of rows)
    assert.equal(runFilter(filterFor(spec(protocol)), frame(packet)), expected ? snapLength : 0, title)
})

test('of many requests, what begins and what answers them passes, by a range of ports', () => {
  const rows: [string, Transport, Packet, boolean][] = [
    ['the first', 'tcp', { sourcePort: 40000, flags: SYN }, true],
    ['the last', 'tcp', { sourcePort: 40049, flags: SYN }, true],
    ['one too many', 'tcp', { sourcePort: 40050, flags: SYN }, false],
    ['one too few', 'tcp', { sourcePort: 39999, flags: SYN }, false],
    ['an answer', 'tcp', { destinationPort: 40049, flags: SYN | 0x10 }, true],
    ['what follows it', 'tcp', { destinationPort: 40049, flags: 0x10 }, false],
    ['masqueraded', 'tcp', { to: '100.96.1.2', flags: SYN }, true],
    ['a datagram', 'udp', { protocol: 17, sourcePort: 40020 }, true],
    ['an answer to it', 'udp', { protocol: 17, destinationPort: 40020 }, true],
    ['another', 'udp', { protocol: 17, sourcePort: 40070 }, false],
    ['an INIT', 'sctp', { protocol: 132, sourcePort: 40020, chunk: 1 }, true],
    ['data', 'sctp', { protocol: 132, sourcePort: 40020, chunk: 0 }, false],
    ['an echo', 'icmp', { protocol: 1, icmpType: 8, id: 40049 }, true],
    ['another echo', 'icmp', { protocol: 1, icmpType: 8, id: 40050 }, false],
  ]
  for (const [title, protocol, packet, expected] of rows)
    assert.equal(runFilter(filterFor({ ...spec(protocol), span: 50 }), frame(packet)), expected ? snapLength : 0, title)
})

test('ARP passes, other protocols do not', () => {
  const bytes = new Uint8Array(60)
  new DataView(bytes.buffer).setUint16(12, 0x0806)
  assert.equal(runFilter(filterFor(spec('tcp')), bytes), snapLength)
  new DataView(bytes.buffer).setUint16(12, 0x86dd)
  assert.equal(runFilter(filterFor(spec('tcp')), bytes), 0)
})

test('many addresses fit, too many leave the port alone', () => {
  const some = Array.from({ length: 64 }, (_, i) => address(`10.0.0.${i}`))
  const last = { to: '10.0.0.63', flags: SYN }
  assert.equal(runFilter(filterFor(spec('tcp', some)), frame(last)), snapLength)
  const many = [...some, address('10.0.1.1')]
  assert.equal(runFilter(filterFor(spec('tcp', many)), frame(last)), 0)
  assert.equal(runFilter(filterFor(spec('tcp', many)), frame({ sourcePort: 40000 })), snapLength)
  for (const protocol of ['udp', 'sctp', 'icmp'] as const) assert.ok(filterFor(spec(protocol, some)).length < 256)
})
