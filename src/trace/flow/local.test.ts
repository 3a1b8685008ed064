import assert from 'node:assert/strict'
import { test } from 'node:test'
import { followFlow, readSightings, type Sighting } from './flow.ts'
import { withLocal } from './local.ts'
import type { LocalPacket } from '../observation.ts'
import { packets, port, told } from '../testing/across.ts'

const probe = { protocol: 'tcp', source: told.source.address, port } as const
const sightings = readSightings(packets)
const flow = followFlow(sightings, probe)
/** What was seen at a device, as the rules' trace would tell it of a socket: the first 40 bytes behind the Ethernet header. */
const local = (one: Sighting | undefined, direction: 'in' | 'out'): LocalPacket => {
  const seen = packets.find(({ time }) => BigInt(time) === one?.time)
  assert.ok(one && seen)
  const bytes = Buffer.from(seen.frame, 'base64').subarray(14, 54).toString('base64')
  return { kind: 'local', place: one.place, device: one.device, direction, bytes }
}

test('what a socket sends comes right before the first sighting of it, what it gets right behind the last', () => {
  const sent = flow.there.find(({ place }) => place.kind === 'node')
  const got = flow.back.findLast(({ place }) => place.name === sent?.place.name)
  const all = withLocal(sightings, [local(sent, 'out'), local(got, 'in')], probe)
  const [out, back] = all.filter(({ local: own }) => own)
  assert.equal(out?.time, (sent?.time ?? 0n) - 1n)
  const last = flow.back.filter(({ place }) => place.name === sent?.place.name).at(-1)
  assert.equal(back?.time, (last?.time ?? 0n) + 1n)
  const followed = followFlow(all, probe)
  assert.deepEqual(
    [followed.there.filter((one) => one.local).length, followed.back.filter((one) => one.local).length],
    [1, 1],
  )
})

test('what goes the wrong way, or cannot be read, is left out', () => {
  const sent = flow.there.find(({ place }) => place.kind === 'node')
  // The kernel's own answers pass the output hook, too, and the request itself the input hook of a machine that asks itself.
  assert.equal(withLocal(sightings, [local(sent, 'in')], probe).length, sightings.length)
  assert.equal(withLocal(sightings, [{ ...local(sent, 'out'), bytes: 'AAAA' }], probe).length, sightings.length)
  const other = { ...probe, port: port + 1 }
  assert.equal(withLocal(sightings, [local(sent, 'out')], other).length, sightings.length)
})

test('a request that no device saw stands alone', () => {
  const sent = flow.there.find(({ place }) => place.kind === 'node')
  const [only, ...rest] = withLocal([], [local(sent, 'out')], probe)
  assert.equal(only?.local, true)
  assert.deepEqual(rest, [])
  assert.equal(followFlow(only ? [only] : [], probe).there.length, 1)
})
