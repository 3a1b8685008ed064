import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import { cluster as plain } from '../testing/across.ts'
import { type Cluster, serviceAt } from './cluster.ts'
import { hostPortAt } from './host-port.ts'

const [web] = plain.services as [Service]
const service = (name: string, spec: Partial<Service['spec']>): Service => ({
  ...web,
  metadata: { name, namespace: 'shop' },
  spec: { ...web.spec, clusterIP: 'None', clusterIPs: [], ...spec },
})

test('services that share an external IP, which is a node’s address, have each its ports, and the node keeps its own', () => {
  const node2 = address('192.168.50.12')
  const [client, far] = plain.pods
  const published = far && {
    ...far,
    spec: { ...far.spec, containers: [{ name: 'app', ports: [{ hostPort: 8888, containerPort: 8080 }] }] },
  }
  const cluster: Cluster = {
    ...plain,
    pods: [client, published].filter((pod) => pod !== undefined),
    services: [
      service('one', { externalIPs: [node2], ports: [{ port: 8880 }] }),
      service('two', { externalIPs: [node2], ports: [{ port: 8881 }] }),
      service('three', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }),
    ],
  }
  const at = (port: number, protocol = 'tcp'): string | undefined =>
    serviceAt(cluster, node2, port, protocol)?.service.metadata.name
  assert.deepEqual(
    [at(8880), at(8881), at(30_080), at(80), at(8881, 'udp')],
    ['one', 'two', 'three', undefined, undefined],
  )
  assert.equal(hostPortAt(cluster, node2, 8888, 'tcp')?.containerPort, 8080)
})
