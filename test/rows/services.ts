import type { Endpoint, EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service, ServicePort, ServiceSpec } from '../../src/api/objects/service.ts'
import { address, cidr } from '../../src/base/address.ts'
import type { NodeFacts } from '../../src/proxy/node.ts'
import { nodeAddress, otherAddress } from './places.ts'

// How the rows' objects are written, and a first small cluster. The pure tests ask the rules, the kernel tests send the packets.

export const node: NodeFacts = {
  name: 'node1',
  podCidr: cidr('100.96.0.0/11'),
  serviceCidr: cidr('100.64.0.0/13'),
  ownPodCidr: cidr('100.96.1.0/24'),
  nodePortAddresses: [address(nodeAddress)],
  addresses: [address(nodeAddress), address(otherAddress)],
  zone: 'a',
}

export function service(
  name: string,
  clusterIP: string,
  ports: readonly (ServicePort | string)[],
  spec: ServiceSpec = {},
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop', uid: name },
    spec: { clusterIP, clusterIPs: [clusterIP], ports: ports.map(servicePort), ...spec },
  }
}

/** `http:80` is a port named http; `dns:53/UDP` is one of UDP. */
function servicePort(port: ServicePort | string): ServicePort {
  if (typeof port !== 'string') return port
  const [, name, number, protocol] = /^(\w*):(\d+)(?:\/(\w+))?$/.exec(port) ?? []
  return { name: name ?? '', port: Number(number), protocol: (protocol ?? 'TCP') as 'TCP' }
}

/** Endpoints as `100.96.1.3@node1`; ports as for {@link service}. */
export function slice(
  of: string,
  endpoints: readonly (string | Endpoint)[],
  ports: readonly string[],
  name = `${of}-1`,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: endpoints.map((each) => (typeof each === 'string' ? endpoint(each) : each)),
    ports: ports.map((port) => {
      const { name: portName, port: number, protocol } = servicePort(port)
      return { name: portName ?? '', port: number, protocol: protocol ?? 'TCP' }
    }),
  }
}

/** `100.96.1.3@node1`: a ready one, unless more is said. */
export function endpoint(at: string, more: Omit<Endpoint, 'addresses'> = {}): Endpoint {
  const [address = '', nodeName] = at.split('@')
  return { addresses: [address], conditions: { ready: true }, ...(nodeName ? { nodeName } : {}), ...more }
}

/** It terminates, and still serves. */
export function leaving(at: string): Endpoint {
  return endpoint(at, { conditions: { ready: false, serving: true, terminating: true } })
}

/** The endpoint slice controller hints it to these zones, or nodes. */
export function hinted(at: string, hints: { readonly zones?: string[]; readonly nodes?: string[] }): Endpoint {
  const names = (all: string[] | undefined): { name: string }[] => (all ?? []).map((name) => ({ name }))
  return endpoint(at, {
    hints: {
      ...(hints.zones ? { forZones: names(hints.zones) } : {}),
      ...(hints.nodes ? { forNodes: names(hints.nodes) } : {}),
    },
  })
}

/** Pods 100.96.1.2 to .6 are on node1, 100.96.2.2 is on node2. */
export const services: Service[] = [
  service('web', '100.64.0.20', ['http:80', 'admin:81']),
  service('self', '100.64.0.21', ['http:80', 'dns:53/UDP']),
  service('empty', '100.64.0.22', ['http:80', 'dns:53/UDP']),
  service('local', '100.64.0.23', ['http:80'], { internalTrafficPolicy: 'Local' }),
  service('elsewhere', '100.64.0.24', ['http:80'], { internalTrafficPolicy: 'Local' }),
  service('far', '100.64.0.25', ['http:80']),
  service('leaving', '100.64.0.26', ['http:80']),
  service('staying', '100.64.0.27', ['http:80'], { internalTrafficPolicy: 'Local' }),
  service('nowhere', '100.64.0.28', ['http:80'], { internalTrafficPolicy: 'Local' }),
  service('headless', 'None', ['http:80']),
  service('alias', '', [], { type: 'ExternalName', externalName: 'example.org' }),
]

export const slices: EndpointSlice[] = [
  slice('web', ['100.96.1.3@node1', '100.96.2.2@node2'], ['http:8080', 'admin:9090'], 'web-1'),
  slice('web', ['100.96.1.4@node1', '100.96.1.3@node1'], ['http:8080', 'admin:9090'], 'web-2'),
  slice('self', ['100.96.1.5@node1'], ['http:8080', 'dns:5353/UDP']),
  slice(
    'empty',
    [{ addresses: ['100.96.1.6'], conditions: { ready: false }, nodeName: 'node1' }],
    ['http:8080', 'dns:5353/UDP'],
  ),
  slice('local', ['100.96.1.3@node1', '100.96.2.2@node2'], ['http:8080']),
  slice('elsewhere', ['100.96.2.2@node2'], ['http:8080']),
  slice('far', ['100.96.2.2@node2'], ['http:8080']),
  slice('leaving', [leaving('100.96.1.4@node1')], ['http:8080']),
  slice(
    'staying',
    [
      '100.96.2.2@node2',
      { addresses: ['100.96.1.4'], conditions: { ready: false, terminating: true }, nodeName: 'node1' },
    ],
    ['http:8080'],
  ),
  slice('nowhere', ['100.96.1.4'], ['http:8080']),
]
