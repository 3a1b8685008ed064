import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, address, family } from '../base/address.ts'
import type { Connection } from '../kernel/conntrack/connection.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import { endpointValue, protocols } from './layout/keys.ts'
import { type EndpointsOf, isStale, questionsFor } from './udp.ts'

type End = readonly [address: string, port: number]
const text = ([host, port]: readonly [Address | string, number]): string => `${host} ${port}`

/** The services there are: where they are reached, and their endpoints. */
function endpointsOf(services: readonly [End, ...End[]][]): EndpointsOf {
  const known = new Map<string, ReadonlySet<Packed>>()
  for (const [service, ...endpoints] of services)
    known.set(text(service), new Set(endpoints.map(([at, port]) => endpointValue(packAddress(address(at)), port))))
  return ({ address, protocol, port }) => (protocol === 'UDP' ? known.get(text([address, port])) : undefined)
}

const services = endpointsOf([
  [
    ['100.64.0.10', 53],
    ['100.96.1.2', 5353],
    ['100.96.2.2', 5353],
  ],
  // Its metrics, on the same address; and its node port.
  [
    ['100.64.0.10', 9153],
    ['100.96.1.2', 9153],
  ],
  [
    ['192.168.50.11', 30053],
    ['100.96.1.2', 5353],
    ['100.96.2.2', 5353],
  ],
  // One without endpoints, or just deleted.
  [['100.64.0.11', 53]],
  [
    ['fd00:64::a', 53],
    ['fd00:96::2', 5353],
  ],
])

interface Row {
  readonly say: string
  readonly from?: End
  readonly to: End
  /** Who answers, and whom it sees asking, where that is not the sender. */
  readonly by: End
  readonly sees?: End
  readonly protocol?: keyof typeof protocols
  readonly stale: boolean
}

const rows: readonly Row[] = [
  { say: 'to an endpoint', to: ['100.64.0.10', 53], by: ['100.96.1.2', 5353], stale: false },
  { say: 'to one of two endpoints that stays', to: ['100.64.0.10', 53], by: ['100.96.2.2', 5353], stale: false },
  { say: 'to an endpoint that has gone', to: ['100.64.0.10', 53], by: ['100.96.1.9', 5353], stale: true },
  {
    say: 'to a pod that came back with another address on another node',
    to: ['100.64.0.10', 9153],
    by: ['100.96.2.2', 9153],
    stale: true,
  },
  { say: 'to an endpoint’s other port', to: ['100.64.0.10', 53], by: ['100.96.1.2', 9153], stale: true },
  { say: 'to another port of the service', to: ['100.64.0.10', 9153], by: ['100.96.1.2', 9153], stale: false },
  { say: 'to a port that the service does not have', to: ['100.64.0.10', 54], by: ['100.64.0.10', 54], stale: false },
  { say: 'never translated: older than the service', to: ['100.64.0.10', 53], by: ['100.64.0.10', 53], stale: true },
  {
    say: 'never translated, to a node port',
    from: ['192.168.50.1', 4000],
    to: ['192.168.50.11', 30053],
    by: ['192.168.50.11', 30053],
    stale: true,
  },
  {
    say: 'masqueraded, to an endpoint',
    from: ['192.168.50.1', 4000],
    to: ['192.168.50.11', 30053],
    by: ['100.96.2.2', 5353],
    sees: ['192.168.50.11', 61000],
    stale: false,
  },
  {
    say: 'masqueraded, to an endpoint that has gone',
    from: ['192.168.50.1', 4000],
    to: ['192.168.50.11', 30053],
    by: ['100.96.2.9', 5353],
    sees: ['192.168.50.11', 61000],
    stale: true,
  },
  {
    say: 'a pod that reaches itself',
    from: ['100.96.1.2', 4000],
    to: ['100.64.0.10', 53],
    by: ['100.96.1.2', 5353],
    sees: ['100.96.1.1', 61000],
    stale: false,
  },
  { say: 'to a service without endpoints', to: ['100.64.0.11', 53], by: ['100.96.1.2', 5353], stale: true },
  { say: 'to a pod itself', to: ['100.96.1.9', 5353], by: ['100.96.1.9', 5353], stale: false },
  { say: 'translated by somebody else', to: ['192.168.50.11', 5000], by: ['100.96.1.9', 5353], stale: false },
  {
    say: 'from the service’s port of the node to elsewhere',
    from: ['192.168.50.11', 30053],
    to: ['192.168.50.1', 53],
    by: ['192.168.50.1', 53],
    stale: false,
  },
  { say: 'TCP', protocol: 'TCP', to: ['100.64.0.10', 53], by: ['100.96.1.9', 5353], stale: false },
  { say: 'SCTP', protocol: 'SCTP', to: ['100.64.0.10', 53], by: ['100.96.1.9', 5353], stale: false },
  {
    say: 'IPv6, to an endpoint',
    from: ['fd00:96::7', 4000],
    to: ['fd00:64:0::a', 53],
    by: ['fd00:96:0:0::2', 5353],
    stale: false,
  },
  {
    say: 'IPv6, to an endpoint that has gone',
    from: ['fd00:96::7', 4000],
    to: ['fd00:64::a', 53],
    by: ['fd00:96::3', 5353],
    stale: true,
  },
]

for (const { say, stale, ...row } of rows)
  test(`${say}: ${stale ? 'stale' : 'stays'}`, () => assert.equal(isStale(connection(row), services), stale))

function connection({
  from = ['100.96.1.7', 4000],
  to,
  by,
  sees = from,
  protocol = 'UDP',
}: Omit<Row, 'say' | 'stale'>): Connection {
  const tuple = (source: End, destination: End): Connection['original'] => ({
    source: address(source[0]),
    sourcePort: source[1],
    destination: address(destination[0]),
    destinationPort: destination[1],
  })
  return {
    family: family(address(to[0])),
    protocol: protocols[protocol],
    original: tuple(from, to),
    reply: tuple(by, sees),
    status: new Set(['confirmed']),
    id: 1,
  }
}

test('a few flows are asked for one by one, many in one go', () => {
  const flows = (...list: readonly [string, ...number[]][]): Map<Address, Set<number>> =>
    new Map(list.map(([at, ...ports]) => [address(at), new Set(ports)]))
  const many = flows(...Array.from({ length: 30 }, (_, i): [string, number] => [`100.64.1.${i}`, 1000 + i]))
  const v4 = { family: 4, protocol: 17 }
  const v6 = { family: 6, protocol: 17 }
  const table: readonly [Map<Address, Set<number>>, entries: number, object[]][] = [
    [flows(), 0, []],
    [flows(['100.64.0.10', 53]), 0, [{ ...v4, destination: '100.64.0.10', destinationPort: 53 }]],
    [flows(['192.168.50.11', 30053, 30054]), 0, [{ ...v4, destination: '192.168.50.11' }]],
    [flows(['100.64.0.10', 53], ['100.64.0.11', 53]), 0, [{ ...v4, destinationPort: 53 }]],
    [flows(['fd00::1', 53], ['fd00::2', 53]), 0, [{ ...v6, destinationPort: 53 }]],
    [
      flows(['fd00::1', 53], ['100.64.0.11', 53]),
      0,
      [
        { ...v4, destination: '100.64.0.11', destinationPort: 53 },
        { ...v6, destinationPort: 53 },
      ],
    ],
    // Two walks of an almost empty table take longer than one with all that is in it.
    [flows(['100.64.0.10', 53], ['100.64.0.11', 54]), 1000, [v4]],
    [
      flows(['100.64.0.10', 53], ['100.64.0.11', 54]),
      3000,
      [
        { ...v4, destination: '100.64.0.10', destinationPort: 53 },
        { ...v4, destination: '100.64.0.11', destinationPort: 54 },
      ],
    ],
    [flows(['fd00::1', 53, 54]), 0, [v6]],
    [many, 262_144, [v4]],
  ]
  for (const [asked, entries, expected] of table)
    assert.deepEqual(
      questionsFor(asked, () => entries),
      expected,
    )
  assert.equal(questionsFor(new Map([...many].slice(0, 10)), () => 50_000).length, 10)
})
