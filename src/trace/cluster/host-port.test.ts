import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, address } from '../../base/address.ts'
import type { Cluster } from './cluster.ts'
import { hostPortAt } from './host-port.ts'
import { cluster as plain } from '../testing/across.ts'

const [client, far] = plain.pods
const withPorts = (ports: object[], change: object = {}): Cluster => ({
  ...plain,
  pods: [client, far && { ...far, spec: { ...far.spec, ...change, containers: [{ name: 'app', ports }] } }].filter(
    (pod) => pod !== undefined,
  ) as Cluster['pods'],
})
const port = { hostPort: 8888, containerPort: 8080 }
const node2 = address('192.168.50.12')

test('a port of a node belongs to the pod on it that publishes it', () => {
  const at = (cluster: Cluster, to: Address, number: number, protocol: string, here?: string): number | undefined =>
    hostPortAt(cluster, to, number, protocol, here)?.containerPort
  assert.equal(at(withPorts([port]), node2, 8888, 'tcp'), 8080)
  assert.equal(at(withPorts([{ ...port, hostIP: '0.0.0.0' }]), node2, 8888, 'tcp'), 8080)
  assert.equal(at(withPorts([{ ...port, hostIP: '192.168.50.12' }]), node2, 8888, 'tcp'), 8080)
  assert.equal(at(withPorts([{ ...port, protocol: 'UDP' }]), node2, 8888, 'udp'), 8080)
  // The node's own loopback, for who is on it.
  assert.equal(at(withPorts([port]), address('127.0.0.1'), 8888, 'tcp', 'node2'), 8080)
})

test('another node, address, port or protocol leads to nobody', () => {
  const none = (cluster: Cluster, to: string, number: number, protocol: string, here?: string): void =>
    assert.equal(hostPortAt(cluster, address(to), number, protocol, here), undefined)
  none(withPorts([port]), '192.168.50.11', 8888, 'tcp')
  none(withPorts([port]), '192.168.50.12', 8889, 'tcp')
  none(withPorts([port]), '192.168.50.12', 8888, 'udp')
  none(withPorts([port]), '100.96.2.2', 8888, 'tcp')
  none(withPorts([port]), '127.0.0.1', 8888, 'tcp')
  none(withPorts([port]), '127.0.0.1', 8888, 'tcp', 'node1')
  none(withPorts([{ ...port, hostIP: '10.0.0.1' }]), '192.168.50.12', 8888, 'tcp')
  // On the node's own network the port is the program's itself.
  none(withPorts([port], { hostNetwork: true }), '192.168.50.12', 8888, 'tcp')
})
