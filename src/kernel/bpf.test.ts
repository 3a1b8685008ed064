import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Address, address, addressBytes, addressFromBytes } from '../base/address.ts'
import { compileFilter, type PacketFilter } from './bpf.ts'

/** The part of the kernel's machine that filters use (net/core/filter.c), over a packet that begins with its network header. */
function run(program: Uint8Array, protocol: number, packet: Uint8Array): boolean {
  const view = new DataView(program.buffer)
  const data = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  let a = 0
  let x = 0
  for (let at = 0; ; at++) {
    const [code, yes, no] = [view.getUint16(at * 8, true), view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)]
    const k = view.getUint32(at * 8 + 4, true)
    const offset = (view.getInt32(at * 8 + 4, true) + 0x100000) | 0
    const load = (where: number): number => {
      const size = code & 0x18
      return size === 0 ? data.getUint32(where) : size === 8 ? data.getUint16(where) : data.getUint8(where)
    }
    try {
      if (code === 0x06) return k > 0
      if (code === 0x05) at += k
      else if (code === 0x15) at += a === k ? yes : no
      else if (code === 0x45) at += (a & k) !== 0 ? yes : no
      else if (code === 0xb1) x = 4 * (data.getUint8(offset) & 15)
      else if (code >> 5 === 2) a = load(x + offset)
      else if (code >> 5 === 1) a = offset > 0xf0000 ? protocol : load(offset)
      else assert.fail(`unknown instruction ${code}`)
    } catch (error) {
      // A load past the packet's end drops it.
      if (error instanceof RangeError) return false
      throw error
    }
  }
}

interface Sent {
  from: Address
  to: Address
  proto: number
  ports: [number, number]
  options: number
  fragment: number
}

function ip4({ from, to, proto, ports, options, fragment }: Sent): Uint8Array {
  const header = 20 + 4 * options
  const bytes = new Uint8Array(header + 8)
  const view = new DataView(bytes.buffer)
  bytes[0] = 0x40 | (header / 4)
  view.setUint16(6, fragment)
  bytes[9] = proto
  bytes.set(addressBytes(from), 12)
  bytes.set(addressBytes(to), 16)
  view.setUint16(header, ports[0])
  view.setUint16(header + 2, ports[1])
  return bytes
}

function ip6({ from, to, proto, ports }: Sent): Uint8Array {
  const bytes = new Uint8Array(48)
  bytes[6] = proto
  bytes.set(addressBytes(from), 8)
  bytes.set(addressBytes(to), 24)
  const view = new DataView(bytes.buffer)
  view.setUint16(40, ports[0])
  view.setUint16(42, ports[1])
  return bytes
}

/** What the filter promises, in plain words. */
function wants(filter: PacketFilter, { from, to, proto, ports, fragment }: Sent, six: boolean): boolean {
  if (filter.hosts && !filter.hosts.includes(from) && !filter.hosts.includes(to)) return false
  if (proto === (six ? 58 : 1)) return true
  if (filter.protocols && !filter.protocols.includes(proto)) return false
  if (!filter.ports) return true
  if (proto !== 6 && proto !== 17) return false
  return (fragment & 0x1fff) !== 0 || ports.some((port) => filter.ports?.includes(port))
}

const few4 = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(address)
const few6 = ['fd00::1', 'fd00::2', 'fd00:0:0:1::1'].map(address)
const port = fc.constantFrom(53, 80, 443, 40000)
const filters: fc.Arbitrary<PacketFilter> = fc.record(
  {
    hosts: fc.subarray([...few4, ...few6]),
    protocols: fc.subarray([6, 17, 132]),
    ports: fc.uniqueArray(port),
    arp: fc.boolean(),
  },
  { requiredKeys: [] },
)
const packets = (hosts: Address[], protocols: number[]): fc.Arbitrary<Sent> =>
  fc.record({
    from: fc.constantFrom(...hosts),
    to: fc.constantFrom(...hosts),
    proto: fc.constantFrom(...protocols),
    ports: fc.tuple(port, port),
    options: fc.constantFrom(0, 1, 10),
    fragment: fc.constantFrom(0, 0x4000, 0x2000, 0x2001, 185),
  })

test('a compiled filter takes exactly the packets that its description names', () => {
  fc.assert(
    fc.property(filters, packets(few4, [1, 6, 17, 132]), packets(few6, [58, 6, 17, 132]), (filter, four, six) => {
      const program = compileFilter(filter)
      assert.equal(run(program, 0x0800, ip4(four)), wants(filter, four, false))
      assert.equal(run(program, 0x86dd, ip6(six)), wants(filter, { ...six, fragment: 0 }, true))
      assert.equal(run(program, 0x88cc, ip4(four)), false)
    }),
    { numRuns: 500 },
  )
})

test('questions for an address pass when they are about a host that is asked for', () => {
  const arp = new Uint8Array(28)
  arp.set(addressBytes(address('10.0.0.1')), 14)
  arp.set(addressBytes(address('10.0.0.2')), 24)
  const rows: [PacketFilter, boolean][] = [
    [{ arp: true }, true],
    [{ arp: true, hosts: [address('10.0.0.1')] }, true],
    [{ arp: true, hosts: [address('10.0.0.2')], ports: [80] }, true],
    [{ arp: true, hosts: [address('10.0.0.3')] }, false],
    [{ hosts: [address('10.0.0.1')] }, false],
  ]
  for (const [filter, expected] of rows) assert.equal(run(compileFilter(filter), 0x0806, arp), expected)
})

test('hundreds of hosts fit, and too many are refused', () => {
  const hosts = (count: number): Address[] =>
    Array.from({ length: count }, (_, i) => addressFromBytes(Uint8Array.of(10, 0, i >> 8, i & 255)))
  const last = ip4({
    from: address('10.0.1.143'),
    to: address('1.1.1.1'),
    proto: 6,
    ports: [1, 2],
    options: 0,
    fragment: 0,
  })
  assert.ok(run(compileFilter({ hosts: hosts(400) }), 0x0800, last))
  assert.throws(() => compileFilter({ hosts: hosts(4000) }), RangeError)
})
