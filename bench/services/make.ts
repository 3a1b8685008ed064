import type { NodeFacts } from '../../src/proxy/node.ts'
import type { Endpoint, EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import { serviceNameLabel } from '../../src/api/objects/endpointslice.ts'
import type { Node } from '../../src/api/objects/node.ts'
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

const namespace = 'bench'
const creationTimestamp = '2026-01-01T00:00:00Z'

/** Service number `index`, TCP port 80, with these endpoints on port 8080; with every field that a control plane fills in. */
export function served(index: number, endpoints: readonly string[], port = 8080): Served {
  const name = `service-${index}`
  const app = { app: name }
  const clusterIP = serviceAddress(index)
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, uid: uid(1, index), resourceVersion: '1', creationTimestamp, labels: app },
    spec: {
      type: 'ClusterIP',
      selector: app,
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: port }],
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    },
    status: { loadBalancer: {} },
  }
  return { service, slice: sliceOf(service, index, endpoints, port) }
}

function sliceOf({ metadata }: Service, index: number, endpoints: readonly string[], port: number): EndpointSlice {
  const { name } = metadata
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-x7k2p`,
      namespace,
      uid: uid(2, index),
      resourceVersion: '1',
      generation: 1,
      generateName: `${name}-`,
      creationTimestamp,
      labels: {
        ...metadata.labels,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        [serviceNameLabel]: name,
      },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Service', name, uid: uid(1, index), controller: true, blockOwnerDeletion: true },
      ],
    },
    addressType: 'IPv4',
    endpoints: endpoints.map((address, at) => endpointOf(index, address, at)),
    ports: [{ name: 'http', protocol: 'TCP', port }],
  }
}

function endpointOf(index: number, address: string, at: number): Endpoint {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node${2 + (at % 8)}`,
    targetRef: { kind: 'Pod', namespace, name: `pod-${index}-${at}`, uid: uid(3 + at, index) },
  }
}

/** Past the addresses that a cluster gives to itself. */
export const serviceAddress = (index: number): string => nth(serviceCidr, 100 + index)

/** `count` services with `each` endpoints, all different. */
export function manyServed(count: number, each: number): Served[] {
  return Array.from({ length: count }, (_, index) => freshService(index, each))
}

/** Service number `index` as it is at the beginning. */
export function freshService(index: number, each: number): Served {
  return served(
    index,
    Array.from({ length: each }, (_, at) => nth(podCidr, 100_000 + index * each + at)),
  )
}

export function endpointsOf({ slice }: Served): string[] {
  return slice.endpoints.flatMap(({ addresses }) => addresses)
}

/** The node for which the proxies work. */
export const ownNode: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: nodeFacts.name, uid: uid(0, 1), resourceVersion: '1', creationTimestamp },
  spec: { podCIDR: '100.96.1.0/24', podCIDRs: ['100.96.1.0/24'] },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
}

function uid(kind: number, index: number): string {
  return `00000000-0000-4000-800${kind % 10}-${index.toString(16).padStart(12, '0')}`
}
