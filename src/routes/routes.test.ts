import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../api/objects/node.ts'
import { address, cidr, formatCidr } from '../base/address.ts'
import type { Route } from '../kernel/rtnetlink/route.ts'
import { diffRoutes, RTPROT_KUBEHOP } from './diff.ts'
import { routesOf } from './model.ts'

function node(
  name: string,
  ranges: string | string[] | undefined,
  ip?: string | string[],
  created = '2026-01-01',
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, creationTimestamp: created },
    spec: Array.isArray(ranges) ? { podCIDRs: ranges } : ranges === undefined ? {} : { podCIDR: ranges },
    status: { addresses: [ip ?? []].flat().map((one) => ({ type: 'InternalIP', address: one })) },
  }
}

const lines = (...nodes: Node[]): string[] => routesOf(nodes).routes.map((r) => `${formatCidr(r.to)} via ${r.via}`)
const reasons = (...nodes: Node[]): string[] => routesOf(nodes).skipped.map((s) => `${s.node} ${s.reason}`)

test('each node that has a range and an address is the way to its range', () => {
  const cluster = [node('node1', '100.96.1.0/24', '192.168.50.11'), node('node2', '100.96.2.0/24', '192.168.50.12')]
  assert.deepEqual(lines(...cluster), ['100.96.1.0/24 via 192.168.50.11', '100.96.2.0/24 via 192.168.50.12'])
  assert.deepEqual(lines(node('dual', ['10.1.0.0/24', 'fd00:1::/64'], ['192.168.50.11', 'fd00::11'])), [
    '10.1.0.0/24 via 192.168.50.11',
    'fd00:1::/64 via fd00::11',
  ])
})

test('a node that lacks either, or says nonsense, has no route, and why is said', () => {
  const rows: [Node, string[]][] = [
    [node('new', undefined, '192.168.50.11'), ['new no-range']],
    [node('dumb', '100.96.1.0/24'), ['dumb no-address']],
    [node('mixed', 'fd00:1::/64', '192.168.50.11'), ['mixed no-address']],
    [node('host', '100.96.1.7/24', '192.168.50.11'), ['host bad-range']],
    [node('all', '0.0.0.0/0', '192.168.50.11'), ['all bad-range']],
    [node('text', 'nonsense', '192.168.50.11'), ['text bad-range']],
    [node('self', '192.168.50.0/24', '192.168.50.11'), ['self overlap']],
    [node('bad-ip', '100.96.1.0/24', '192.168.50.011'), ['bad-ip no-address']],
  ]
  for (const [one, expected] of rows) {
    assert.deepEqual(reasons(one), expected)
    assert.deepEqual(lines(one), [])
  }
})

test('of two nodes with overlapping ranges the older one keeps its route, in any order of arrival', () => {
  const old = node('b', '100.96.1.0/24', '192.168.50.11', '2026-01-01')
  const young = node('a', '100.96.0.0/16', '192.168.50.12', '2026-01-02')
  for (const order of [
    [old, young],
    [young, old],
  ]) {
    assert.deepEqual(lines(...order), ['100.96.1.0/24 via 192.168.50.11'])
    assert.match(routesOf(order).skipped[0]?.say ?? '', /overlaps 100\.96\.1\.0\/24 of the older node b/)
  }
})

test('only what differs is changed, and only routes of our own protocol are touched', () => {
  const wanted = routesOf([
    node('node1', '100.96.1.0/24', '192.168.50.11'),
    node('node2', '100.96.2.0/24', '192.168.50.12'),
    node('node3', '100.96.3.0/24', '192.168.50.13'),
  ]).routes
  const has = (range: string, via: string, protocol = RTPROT_KUBEHOP): Route => ({
    to: cidr(range),
    via: address(via),
    protocol,
  })
  const kernel = [
    has('100.96.1.0/24', '192.168.50.11'),
    has('100.96.2.0/24', '192.168.50.99'),
    has('100.96.9.0/24', '192.168.50.19'),
    has('10.0.0.0/8', '192.168.50.1', 4),
  ]
  assert.deepEqual(
    diffRoutes(kernel, wanted).map((change) => `${change.verb} ${change.route}`),
    [
      'remove 100.96.9.0/24 via 192.168.50.19',
      'set 100.96.2.0/24 via 192.168.50.12',
      'set 100.96.3.0/24 via 192.168.50.13',
    ],
  )
})
