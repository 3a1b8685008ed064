import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../../api/objects/node.ts'
import { address, cidr } from '../../base/address.ts'
import type { RouteEntry } from '../facts.ts'
import { check } from './20-ranges.ts'
import { machine, node, ranges, service, view } from './testing.ts'

const withRange = (name: string, podCIDR: string, made = '2026-01-01T00:00:00Z', more: string[] = []): Node => ({
  ...node(name),
  metadata: { name, creationTimestamp: made },
  spec: { podCIDR, podCIDRs: [podCIDR, ...more] },
})
const codes = (nodes: Node[]): string[] =>
  check.find(view({ cluster: { nodes } })).map(({ code, object, also }) => `${code} ${object.name} ${also?.[0]?.name}`)

test('nodes whose pod addresses overlap are both named, the younger one to go', () => {
  const old = withRange('node1', '100.96.1.0/24', '2026-01-01T00:00:00Z')
  const young = withRange('node2', '100.96.1.128/25', '2026-01-02T00:00:00Z')
  assert.deepEqual(codes([young, old]), ['NodeRangesOverlap node2 node1'])
  assert.deepEqual(codes([old, withRange('node2', '100.96.0.0/16', '2026-01-02T00:00:00Z')]), [
    'NodeRangesOverlap node2 node1',
  ])
  // A wide range, one inside it, and one after that, inside it too.
  const wide = withRange('node3', '100.96.0.0/16')
  const inner = ['node1', 'node2'].map((name, at) => withRange(name, `100.96.${at + 1}.0/24`, '2026-01-02T00:00:00Z'))
  assert.deepEqual(codes([...inner, wide]).sort(), ['NodeRangesOverlap node1 node3', 'NodeRangesOverlap node2 node3'])
})

test('ranges of two families, neighbours, and nodes without a range are no alarm', () => {
  const dual = ['1', '2'].map((n) => withRange(`node${n}`, `100.96.${n}.0/24`, undefined, [`fd00:${n}::/64`]))
  assert.deepEqual(codes(dual), [])
  assert.deepEqual(codes([withRange('node1', '100.96.0.0/24'), withRange('node2', '100.96.1.0/24')]), [])
  const { spec: _, ...bare } = node('node1')
  assert.deepEqual(codes([bare, node('node2')]), [])
  const going = {
    ...withRange('node2', '100.96.1.0/24'),
    metadata: { name: 'node2', deletionTimestamp: '2026-01-01T00:00:00Z' },
  }
  assert.deepEqual(codes([withRange('node1', '100.96.1.0/24'), going]), [])
})

test('the cluster’s own ranges, and addresses of nodes and services among those of pods', () => {
  const overlapping = { ...ranges, services: cidr('100.96.0.0/16') }
  assert.deepEqual(
    check.find(view({ ranges: overlapping })).map(({ code }) => code),
    ['RangesOverlap'],
  )
  const inside = { ...node('node1'), spec: { podCIDR: '192.168.50.0/24' } }
  assert.deepEqual(codes([inside]), ['AddressInRange node1 node1'])
  // Without known ranges it is the services that tell.
  const { ranges: _, ...unknown } = view({ cluster: { services: [service('web', { clusterIP: '100.96.1.7' })] } })
  assert.deepEqual(
    check.find(unknown).map(({ code, object }) => `${code} ${object.name}`),
    ['AddressInRange web'],
  )
})

test('an address for the outside among those of a node’s pods is no service’s there, whatever else is known', () => {
  const external = service('ext', { externalIPs: ['100.96.1.8', '203.0.113.8'] })
  const balanced = {
    ...service('lb', { type: 'LoadBalancer' }),
    status: { loadBalancer: { ingress: [{ ip: '100.96.1.9' }, { ip: '100.96.1.10', ipMode: 'Proxy' as const }] } },
  }
  assert.deepEqual(
    check.find(view({ cluster: { services: [external, balanced] } })).map(({ code, field, say }) => [code, field, say]),
    [
      ['spec.externalIPs', 'ext', '100.96.1.8'],
      ['status.loadBalancer.ingress', 'lb', '100.96.1.9'],
    ].map(([field, name, address]) => [
      'AddressInRange',
      field,
      `service shop/${name} has the address ${address} for the outside, which is in the range 100.96.1.0/24 of the pods of node1: there it is a pod’s, and no rule takes it for the service`,
    ]),
  )
})

test('a route that takes addresses of services or of another node’s pods is named; the cluster’s own are not', () => {
  const found = (on: string, to: string, more: Partial<RouteEntry> = {}): string[] => {
    const routes = [{ to, kind: 'unicast', device: 'eth1', ...more }]
    return check.find(view({ machines: [machine(on, { routes })] })).map(({ say }) => say)
  }
  assert.match(
    found('node1', '100.64.8.0/24')[0] ?? '',
    /node1 has a route for 100\.64\.8\.0\/24, which is among the addresses of services/,
  )
  assert.match(found('node1', '100.96.2.0/25')[0] ?? '', /among the pods of node2/)
  for (const [on, to, more] of [
    ['node1', 'default', {}],
    ['node1', '192.168.50.0/24', {}],
    ['node1', '100.96.1.0/24', { device: 'cbr0' }],
    ['node1', '100.96.1.128/25', { device: 'cbr0' }],
    ['node1', '100.96.2.0/24', { via: address('192.168.50.12') }],
    ['node1', '100.96.2.0/25', { via: address('192.168.50.12') }],
    ['node1', '100.96.0.0/11', { via: address('192.168.50.1') }],
    ['router', '100.96.2.0/24', { via: address('192.168.50.12') }],
    ['node1', '100.96.2.0/25', { kind: 'blackhole' }],
  ] as const)
    assert.deepEqual(found(on, to, more), [], `${on} ${to}`)
})
