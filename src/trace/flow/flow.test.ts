import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { address } from '../../base/address.ts'
import { followFlow, type Probe, readSightings } from './flow.ts'
import type { PacketSeen } from '../observation.ts'
import { packets, port } from '../testing/across.ts'

const probe: Probe = { protocol: 'tcp', source: address('100.96.1.2'), port }
const whole = followFlow(readSightings(packets), probe)
const stations = (of: typeof whole.there): string[] =>
  of.map(({ place, device, direction }) => `${place.name} ${device} ${direction}`)

test('a request is followed through its translation, there and back', () => {
  assert.deepEqual(stations(whole.there), [
    'shop/client eth0 out',
    'node1 veth1 in',
    'node1 cbr0 in',
    'node1 eth0 out',
    'router eth0 in',
    'router eth0 out',
    'node2 eth0 in',
    'node2 cbr0 out',
    'node2 veth1 out',
    'shop/far eth0 in',
  ])
  assert.deepEqual(stations(whole.back), [
    'shop/far eth0 out',
    'node2 veth1 in',
    'node2 cbr0 in',
    'node2 eth0 out',
    'router eth0 in',
    'router eth0 out',
    'node1 eth0 in',
    'node1 cbr0 out',
    'node1 veth1 out',
    'shop/client eth0 in',
  ])
  assert.equal(whole.answer, 'accepted')
  assert.equal(whole.tries, 1)
})

test('it does not matter which watcher reports first', () => {
  const byPlace = [...Map.groupBy(packets, ({ place }) => place.name).values()]
  fc.assert(
    fc.property(fc.shuffledSubarray(byPlace, { minLength: byPlace.length }), (order) => {
      const flow = followFlow(readSightings(order.flat()), probe)
      assert.deepEqual(stations(flow.there), stations(whole.there))
      assert.deepEqual(stations(flow.back), stations(whole.back))
    }),
  )
})

test('a repeated request is one request, sent twice', () => {
  const again = packets.map((one) => ({ ...one, time: String(BigInt(one.time) + 1_000_000_000n) }))
  const flow = followFlow(readSightings([...packets, ...again]), probe)
  assert.deepEqual(stations(flow.there), stations(whole.there))
  assert.equal(flow.tries, 2)
})

test('another connection with the same ports elsewhere is not this one', () => {
  // The sequence numbers are what tells: change them in a copy of every TCP packet.
  const others = packets.map((one): PacketSeen => {
    const bytes = Buffer.from(one.frame, 'base64')
    if (bytes.readUInt16BE(12) === 0x0800) bytes.writeUInt32BE((bytes.readUInt32BE(14 + 24) ^ 0xff) >>> 0, 14 + 24)
    return { ...one, frame: bytes.toString('base64'), time: String(BigInt(one.time) + 5000n) }
  })
  const flow = followFlow(readSightings([...packets, ...others]), probe)
  assert.deepEqual(stations(flow.there), stations(whole.there))
  assert.deepEqual(stations(flow.back), stations(whole.back))
})

test('nothing seen is an empty flow', () => {
  assert.deepEqual(followFlow([], probe), { there: [], back: [], answer: undefined, tries: 0, arp: [] })
  assert.equal(followFlow(readSightings(packets), { ...probe, port: 1 }).there.length, 0)
})

test('frames that are none are left out', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 })), (frames) => {
      const noise = frames.map(
        (frame): PacketSeen => ({
          kind: 'packet',
          place: { kind: 'node', node: 'node1', name: 'node1' },
          device: 'eth0',
          direction: 'in',
          time: '1',
          frame: Buffer.from(frame).toString('base64'),
        }),
      )
      assert.deepEqual(stations(followFlow(readSightings([...noise, ...packets]), probe).there), stations(whole.there))
    }),
  )
})

/** An IPv4 fragment in an Ethernet frame; `offset` in bytes. */
function fragment(payload: Uint8Array, offset: number, more: boolean): string {
  const bytes = Buffer.alloc(34 + payload.length)
  bytes.writeUInt16BE(0x0800, 12)
  bytes.set([0x45, 0], 14)
  bytes.writeUInt16BE(20 + payload.length, 16)
  bytes.writeUInt16BE((more ? 0x2000 : 0) | (offset / 8), 20)
  bytes.set([64, 17], 22)
  bytes.set([100, 96, 1, 2], 26)
  bytes.set([100, 96, 2, 2], 30)
  bytes.set(payload, 34)
  return bytes.toString('base64')
}

test('a datagram in pieces is one request: later pieces have no ports, even where their bytes look like some', () => {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(port, 0)
  head.writeUInt16BE(53, 2)
  head.writeUInt16BE(3008, 4)
  const datagram = Buffer.concat([head, Buffer.alloc(3000, 'kubehop ')])
  // What a later piece begins with is the sender's to choose: here it is the head once more.
  datagram.copy(datagram, 1480, 0, 24)
  const pieces = [0, 1480, 2960].map((at) => fragment(datagram.subarray(at, at + 1480), at, at < 2960))
  const devices = [
    { name: 'client', device: 'eth0', direction: 'out' },
    { name: 'node1', device: 'veth1', direction: 'in' },
  ] as const
  const seen = devices.flatMap(({ name, device, direction }, at) =>
    pieces.map(
      (frame, piece): PacketSeen => ({
        kind: 'packet',
        place: { kind: name === 'client' ? 'pod' : 'node', node: 'node1', name },
        device,
        direction,
        time: String(100 * at + piece),
        frame,
      }),
    ),
  )
  const flow = followFlow(readSightings(seen), { ...probe, protocol: 'udp' })
  assert.deepEqual(stations(flow.there), ['client eth0 out', 'node1 veth1 in'])
  assert.deepEqual([flow.back, flow.tries], [[], 1])
})
