import type { NodeFacts } from '../../src/proxy/node.ts'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import { serviceNameLabel } from '../../src/api/objects/endpointslice.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { type Cidr, cidr, nth } from '../../src/base/address.ts'

export const podCidr: Cidr = cidr('100.96.0.0/11')
export const serviceCidr: Cidr = cidr('100.64.0.0/13')
/** What the proxy of this node has to know of itself. */
export const nodeFacts: NodeFacts = { name: 'node1', podCidr, serviceCidr, nodePortAddresses: [], addresses: [] }

export interface Served {
  service: Service
  slice: EndpointSlice
}

/** Service number `index`, TCP port 80, with these endpoints on port 8080. */
export function served(index: number, endpoints: readonly string[], port = 8080): Served {
  const name = `service-${index}`
  return {
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'bench' },
      spec: {
        type: 'ClusterIP',
        clusterIP: serviceAddress(index),
        ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      },
    },
    slice: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'bench', labels: { [serviceNameLabel]: name } },
      addressType: 'IPv4',
      endpoints: endpoints.map((address) => ({ addresses: [address], nodeName: 'node2', conditions: { ready: true } })),
      ports: [{ name: 'http', protocol: 'TCP', port }],
    },
  }
}

/** Past the addresses that a cluster gives to itself. */
export const serviceAddress = (index: number): string => nth(serviceCidr, 100 + index)

/** `count` services with `each` endpoints, all different. */
export function manyServed(count: number, each: number): Served[] {
  return Array.from({ length: count }, (_, index) =>
    served(
      index,
      Array.from({ length: each }, (_, at) => nth(podCidr, 100_000 + index * each + at)),
    ),
  )
}
