import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, cidr } from '../../base/address.ts'
import type { Connection } from '../../kernel/conntrack/connection.ts'
import type { Status } from '../../kernel/conntrack/status.ts'
import type { ConnectionGroup } from '../facts.ts'
import { Groups } from './connections.ts'

const now = 1_000_000
const services = [cidr('100.64.0.0/13')]

interface Entry {
  from?: string
  to?: string
  by?: string
  status?: Status[]
  protocol?: number
  change?: Partial<Connection>
}

let port = 4000
function entry({
  from = '100.96.1.2',
  to = '100.64.0.5',
  by = '100.96.1.3',
  status = ['seenReply', 'dnat'],
  protocol = 6,
  change = {},
}: Entry): Connection {
  const [client, asked, server] = [address(from), address(to), address(by)]
  port++
  return {
    family: 4,
    protocol,
    original: { source: client, destination: asked, sourcePort: port, destinationPort: 80 },
    reply: { source: server, destination: client, sourcePort: 8080, destinationPort: port },
    status: new Set(status),
    id: port,
    details: { tcpState: 'ESTABLISHED' },
    ...change,
  }
}

function grouped(...entries: Entry[]): ConnectionGroup[] {
  const groups = new Groups(services, now)
  for (const one of entries) groups.add(entry(one))
  return groups.list()
}

test('connections to one address that one endpoint serves are one group, the largest first', () => {
  const found = grouped(
    {},
    { from: '100.96.1.9' },
    { by: '100.96.1.4' },
    {},
    { change: { details: { tcpState: 'TIME_WAIT' } } },
  )
  assert.deepEqual(
    found.map(({ endpoint, count, established, clients, samples }) => [
      endpoint,
      count,
      established,
      clients,
      samples.length,
    ]),
    [
      ['100.96.1.3', 4, 3, 2, 3],
      ['100.96.1.4', 1, 1, 1, 1],
    ],
  )
})

test('what concerns no service is told only while nobody has answered it', () => {
  const direct = { to: '100.96.1.3', by: '100.96.1.3' }
  assert.deepEqual(grouped({ ...direct, status: ['seenReply'] }), [])
  assert.equal(grouped({ ...direct, status: [] })[0]?.unanswered, 1)
  assert.equal(grouped({ by: '100.64.0.5', status: ['seenReply'] }).length, 1, 'a service’s address, not translated')
  assert.equal(grouped({ to: '192.168.50.11' }).length, 1, 'a node port')
  assert.deepEqual(grouped({ protocol: 47 }), [])
})

test('UDP counts as established once it was answered', () => {
  const [found] = grouped(
    { protocol: 17, change: { details: {} } },
    { protocol: 17, status: ['dnat'], change: { details: {} } },
  )
  assert.deepEqual([found?.count, found?.established, found?.unanswered], [2, 1, 1])
})

test('packets, bytes and ages are told where the kernel counts; of several the ones that were used last', () => {
  const counted = (packets: number, began: number, timeoutSeconds: number): Entry => ({
    change: { timeoutSeconds, details: { tcpState: 'ESTABLISHED', counters: { packets, bytes: 10 * packets }, began } },
  })
  const [found] = grouped(
    counted(1, now - 5000, 10),
    counted(2, now - 90_000, 40),
    counted(3, now - 1000, 30),
    counted(4, now, 20),
  )
  assert.deepEqual([found?.packets, found?.bytes, found?.oldestSeconds], [10, 100, 90])
  assert.deepEqual(
    found?.samples.map(({ timeoutSeconds, ageSeconds }) => [timeoutSeconds, ageSeconds]),
    [
      [40, 90],
      [30, 1],
      [20, 0],
    ],
  )
  assert.equal(grouped({})[0]?.oldestSeconds, undefined)
})
