import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Node } from '../api/objects/node.ts'
import type { Service } from '../api/objects/service.ts'
import { address, cidr, formatCidr } from '../base/address.ts'
import { balancedRoutes } from './balanced.ts'

const node = (number: number, change: { ready?: boolean; labels?: Record<string, string> } = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `node${number}`, labels: change.labels ?? {} },
  status: {
    addresses: [{ type: 'InternalIP', address: `192.168.50.1${number}` }],
    conditions: [{ type: 'Ready', status: change.ready === false ? 'False' : 'True' }],
  },
})
const service = (name: string, ips: object[], spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  status: { loadBalancer: { ingress: ips } },
})
const slice = (name: string, ...endpoints: [node: string, ready: boolean][]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints: endpoints.map(([nodeName, ready]) => ({ addresses: ['100.96.1.2'], nodeName, conditions: { ready } })),
})
const lines = (services: Service[], nodes: Node[], slices: EndpointSlice[] = []): string[] =>
  balancedRoutes(services, nodes, slices, [
    { node: 'node1', to: cidr('100.96.1.0/24'), via: address('192.168.50.11') },
  ]).map(({ to, via }) => `${formatCidr(to)} via ${via}`)

const big = service('big', [{ ip: '203.0.113.7' }])
const local = service('big', [{ ip: '203.0.113.7' }], { externalTrafficPolicy: 'Local' })

test('a load balancer’s address leads to the first node that takes traffic from outside', () => {
  assert.deepEqual(lines([big], [node(2), node(1)]), ['203.0.113.7/32 via 192.168.50.11'])
  assert.deepEqual(lines([big], [node(1, { ready: false }), node(2)]), ['203.0.113.7/32 via 192.168.50.12'])
  const out = { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }
  assert.deepEqual(lines([big], [node(1, out), node(2)]), ['203.0.113.7/32 via 192.168.50.12'])
  assert.deepEqual(lines([big], [node(1, { ready: false })]), [])
  assert.deepEqual(lines([big], []), [])
})

test('with externalTrafficPolicy Local it leads to a node with a ready endpoint, or nowhere', () => {
  const nodes = [node(1), node(2), node(3)]
  assert.deepEqual(lines([local], nodes, [slice('big', ['node1', false], ['node3', true])]), [
    '203.0.113.7/32 via 192.168.50.13',
  ])
  assert.deepEqual(lines([local], nodes, [slice('big', ['node1', false])]), [])
  assert.deepEqual(lines([local], nodes, [slice('other', ['node1', true])]), [])
})

test('an address that somebody has already is no load balancer’s to route', () => {
  const rows: object[][] = [
    [{ ip: '192.168.50.11' }],
    [{ ip: '100.96.1.9' }],
    [{ ip: '203.0.113.7', ipMode: 'Proxy' }],
    [{ hostname: 'lb.example.com' }],
    [{ ip: 'nonsense' }],
    // No node has an address of this family.
    [{ ip: '2001:db8::7' }],
  ]
  for (const ips of rows) assert.deepEqual(lines([service('big', ips)], [node(1)]), [], JSON.stringify(ips))
})

test('of two services with one address the first by name decides', () => {
  const other = service('a', [{ ip: '203.0.113.7' }, { ip: '203.0.113.8' }])
  assert.deepEqual(lines([local, other], [node(1)]), [
    '203.0.113.7/32 via 192.168.50.11',
    '203.0.113.8/32 via 192.168.50.11',
  ])
})
