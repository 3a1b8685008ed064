import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { address } from '../../base/address.ts'
import type { PacketSeen, Place } from '../observation.ts'
import { type FrameWish, frameOf } from '../testing/frames.ts'
import type { FlowSeen } from './flow-seen.ts'
import { type FlowOptions, Flows } from './flows.ts'
import { identities } from './identity.ts'

const [client, service, pod] = ['100.96.1.2', '100.64.0.21', '100.96.2.2']
const [SYN, ACK] = [0x02, 0x10]
const ends = {
  protocol: 'tcp',
  from: [address(client)],
  asked: [{ address: address(service), port: 80 }],
  behind: [{ address: address(pod), port: 8080 }],
} as const
const here: Place = { kind: 'pod', node: 'node1', name: 'shop/client' }
const node: Place = { kind: 'node', node: 'node1', name: 'node1' }

/** So long an answer is waited for; long enough for what is done in a turn of the event loop, or a few. */
const patienceMs = 60
const graceMs = 5

function follow(options: Partial<FlowOptions> = {}): { flows: Flows; told: FlowSeen[] } {
  const told: FlowSeen[] = []
  const flows = new Flows({
    protocol: 'tcp',
    identify: identities(ends),
    isSource: ({ kind }) => kind === 'pod',
    isAsked: ({ destination }) => destination === service,
    most: 1000,
    patienceMs,
    graceMs,
    settled: (flow) => told.push(flow) > 0,
    ...options,
  })
  return { flows, told }
}

const seen = (wish: FrameWish, direction: 'in' | 'out', place: Place = here): PacketSeen => ({
  kind: 'packet',
  place,
  device: 'eth0',
  direction,
  time: String(BigInt(Date.now()) * 1_000_000n),
  frame: Buffer.from(frameOf(wish)).toString('base64'),
})

const begin: FrameWish = { from: client, to: service, sourcePort: 4000, destinationPort: 80, flags: SYN }
const answer: FrameWish = { from: service, to: client, sourcePort: 80, destinationPort: 4000, flags: SYN | ACK }
const begins = (sequence: number): PacketSeen => seen({ ...begin, sequence }, 'out')
const isAnswered = (sequence: number): PacketSeen => seen({ ...answer, acknowledgement: sequence + 1 }, 'in')
const brief = (told: readonly FlowSeen[]): unknown => told.map(({ number, result }) => [number, result.outcome])

test('each is told when it is answered, or when nobody answers it, with its number in the order of beginnings', async () => {
  const { flows, told } = follow()
  for (const sequence of [10, 20, 30]) flows.see(begins(sequence))
  flows.see(isAnswered(30))
  flows.see(isAnswered(10))
  await flows.closed(10 * patienceMs)
  assert.deepEqual(brief(told), [
    [3, 'answered'],
    [1, 'answered'],
    [2, 'timeout'],
  ])
  assert.deepEqual([flows.begun, flows.followed], [3, 3])
})

test('those whose answers are let through no more, because a part was chosen, are not said to be without answer', async () => {
  const { flows, told } = follow()
  flows.see(begins(11))
  flows.see(begins(12))
  flows.thin(1)
  flows.see(begins(13))
  flows.see(isAnswered(12))
  await flows.closed(10 * patienceMs)
  assert.deepEqual(brief(told), [[2, 'answered']])
  assert.equal(flows.followed, 1)
})

test('where packets were lost no answer says nothing', async () => {
  const { flows, told } = follow()
  flows.see(begins(1))
  flows.see(begins(2))
  flows.doubt()
  flows.see(isAnswered(2))
  await flows.closed(10 * patienceMs)
  assert.deepEqual(brief(told), [[2, 'answered']])
})

test('what looks like the client’s behind a node that masquerades, and is somebody else’s, takes no room for long', async () => {
  const { flows, told } = follow()
  for (let sequence = 0; sequence < 9000; sequence++) flows.see(seen({ ...begin, sequence }, 'in', node))
  // The clock of timers stands still during a long turn of the event loop.
  await setImmediate()
  await setTimeout(2 * patienceMs)
  flows.see(begins(9001))
  flows.see(isAnswered(9001))
  await flows.closed(10 * patienceMs)
  assert.deepEqual(brief(told), [[1, 'answered']])
})

test('what the client asks of others is let through where there are too many to be named, and is not followed', async () => {
  const { flows, told } = follow()
  flows.see(seen({ ...begin, to: '100.64.0.99' }, 'out'))
  flows.see(seen({ ...answer, from: '100.64.0.99', acknowledgement: 1 }, 'in'))
  await flows.closed(10 * patienceMs)
  assert.deepEqual([told, flows.begun], [[], 0])
})

test('nobody waits for what is abandoned', async () => {
  const { flows, told } = follow({ patienceMs: 60_000 })
  flows.see(begins(1))
  const closed = flows.closed(60_000)
  flows.abandon()
  await closed
  assert.deepEqual(told, [])
})
