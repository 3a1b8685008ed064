import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { concerned } from './concerned.ts'
import type { Origin } from '../origin.ts'
import { cluster as plain, told } from '../testing/across.ts'

const lent = [{ name: 'app', ports: [{ hostPort: 8888, containerPort: 8080 }] }]
const lending: Cluster = {
  ...plain,
  pods: plain.pods.map((pod) =>
    pod.metadata.name === 'far' ? { ...pod, spec: { ...pod.spec, containers: lent } } : pod,
  ),
}

test('who has to do with a request is watched', () => {
  const names = (cluster: Cluster, to: string, number: number, source: Origin = told.source): unknown[] => {
    const { pods, nodes, addresses } = concerned(cluster, source, { address: address(to), port: number }, 'tcp')
    return [pods.map(({ metadata }) => metadata.name), [...nodes].sort(), addresses[0]]
  }
  const outside = { kind: 'outside', key: 'outside', node: 'outside', address: address('198.51.100.2') } as const
  assert.deepEqual(names(plain, '100.64.0.20', 80), [['client', 'far'], ['node1', 'node2'], '100.96.1.2'])
  assert.deepEqual(names(lending, '192.168.50.12', 8888), [['client', 'far'], ['node1', 'node2'], '100.96.1.2'])
  assert.deepEqual(names(plain, '100.96.2.77', 80), [['client'], ['node1', 'node2'], '100.96.1.2'])
  assert.deepEqual(names(plain, '203.0.113.9', 80), [['client'], ['node1'], '100.96.1.2'])
  assert.deepEqual(names(plain, '192.168.50.12', 22, outside), [[], ['node2'], '198.51.100.2'])
  const node = { kind: 'node', key: 'node1', node: 'node1', address: address('192.168.50.11') } as const
  assert.deepEqual(names(plain, '100.96.2.2', 80, node), [['far'], ['node1', 'node2'], '192.168.50.11'])
  // The node port of one service at a node's address that another one has as its external IP.
  const [web] = plain.services
  assert.ok(web)
  const spec = { ...web.spec, ports: [{ port: 80, nodePort: 30_080 }] }
  const edge = {
    ...web,
    metadata: { name: 'edge', namespace: 'shop' },
    spec: { clusterIP: 'None', externalIPs: ['192.168.50.11'], ports: [{ port: 8880 }] },
  }
  const shared: Cluster = { ...plain, services: [{ ...web, spec }, edge] }
  assert.deepEqual(names(shared, '192.168.50.11', 30_080, outside), [['far'], ['node1', 'node2'], '198.51.100.2'])
})
