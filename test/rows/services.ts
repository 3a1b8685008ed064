import type { Endpoint, EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service, ServicePort, ServiceSpec } from '../../src/api/objects/service.ts'
import { address, cidr } from '../../src/base/address.ts'
import type { NodeFacts } from '../../src/proxy/node.ts'

// One small cluster and what must become of packets in it. The pure tests ask the rules, the kernel tests send the packets.

export const node: NodeFacts = {
  name: 'node1',
  podCidr: cidr('100.96.0.0/11'),
  serviceCidr: cidr('100.64.0.0/13'),
  nodePortAddresses: [address('192.168.50.11')],
  addresses: [address('192.168.50.11'), address('192.168.51.11')],
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
    endpoints: endpoints.map((endpoint) => {
      if (typeof endpoint !== 'string') return endpoint
      const [address = '', nodeName] = endpoint.split('@')
      return { addresses: [address], conditions: { ready: true }, ...(nodeName ? { nodeName } : {}) }
    }),
    ports: ports.map((port) => {
      const { name: portName, port: number, protocol } = servicePort(port)
      return { name: portName ?? '', port: number, protocol: protocol ?? 'TCP' }
    }),
  }
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
  slice(
    'leaving',
    [{ addresses: ['100.96.1.4'], conditions: { ready: false, serving: true, terminating: true }, nodeName: 'node1' }],
    ['http:8080'],
  ),
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

export interface Row {
  readonly say: string
  readonly from: string
  /** Sent by the node itself. */
  readonly byNode?: true
  readonly to: string
  readonly port: number
  readonly protocol?: 'UDP'
  /** Any of these endpoints; `none`: the packet goes on as it is. */
  readonly expect: readonly string[] | 'reject' | 'drop' | 'none'
  readonly masquerade?: true
}

const client = '100.96.1.2'
const nodeAddress = '192.168.50.11'
const web = ['100.96.1.3:8080', '100.96.1.4:8080', '100.96.2.2:8080']

export const rows: Row[] = [
  { say: 'a pod to a service', from: client, to: '100.64.0.20', port: 80, expect: web },
  {
    say: 'its other port',
    from: client,
    to: '100.64.0.20',
    port: 81,
    expect: ['100.96.1.3:9090', '100.96.1.4:9090', '100.96.2.2:9090'],
  },
  { say: 'a port that it does not have', from: client, to: '100.64.0.20', port: 82, expect: 'reject' },
  {
    say: 'its port over another protocol',
    from: client,
    to: '100.64.0.20',
    port: 80,
    protocol: 'UDP',
    expect: 'reject',
  },
  { say: 'an address that no service has', from: client, to: '100.64.7.7', port: 80, expect: 'drop' },
  { say: 'a service without ready endpoints', from: client, to: '100.64.0.22', port: 80, expect: 'reject' },
  {
    say: 'a service without ready endpoints, over UDP',
    from: client,
    to: '100.64.0.22',
    port: 53,
    protocol: 'UDP',
    expect: 'reject',
  },
  {
    say: 'a pod to itself through its service',
    from: '100.96.1.5',
    to: '100.64.0.21',
    port: 80,
    expect: ['100.96.1.5:8080'],
    masquerade: true,
  },
  {
    say: 'a pod to itself through its service, over UDP',
    from: '100.96.1.5',
    to: '100.64.0.21',
    port: 53,
    protocol: 'UDP',
    expect: ['100.96.1.5:5353'],
    masquerade: true,
  },
  { say: 'another pod to the same service', from: client, to: '100.64.0.21', port: 80, expect: ['100.96.1.5:8080'] },
  {
    say: 'a service over UDP',
    from: client,
    to: '100.64.0.21',
    port: 53,
    protocol: 'UDP',
    expect: ['100.96.1.5:5353'],
  },
  { say: 'a service that keeps to the node', from: client, to: '100.64.0.23', port: 80, expect: ['100.96.1.3:8080'] },
  {
    say: 'one that keeps to the node, and has nobody there',
    from: client,
    to: '100.64.0.24',
    port: 80,
    expect: 'drop',
  },
  { say: 'a service on another node', from: client, to: '100.64.0.25', port: 80, expect: ['100.96.2.2:8080'] },
  {
    say: 'an endpoint that still serves while it leaves',
    from: client,
    to: '100.64.0.26',
    port: 80,
    expect: ['100.96.1.4:8080'],
  },
  {
    say: 'one that keeps to the node, where only a leaving endpoint is',
    from: client,
    to: '100.64.0.27',
    port: 80,
    expect: ['100.96.1.4:8080'],
  },
  {
    say: 'one that keeps to the node, and its endpoint does not say where it is',
    from: client,
    to: '100.64.0.28',
    port: 80,
    expect: 'drop',
  },
  {
    say: 'the node to a service',
    from: nodeAddress,
    byNode: true,
    to: '100.64.0.21',
    port: 80,
    expect: ['100.96.1.5:8080'],
    masquerade: true,
  },
  {
    say: 'the node to a port that the service does not have',
    from: nodeAddress,
    byNode: true,
    to: '100.64.0.21',
    port: 82,
    expect: 'reject',
  },
  {
    say: 'the node to an address that no service has',
    from: nodeAddress,
    byNode: true,
    to: '100.64.7.7',
    port: 80,
    expect: 'drop',
  },
  {
    say: 'a machine outside the pods to a service',
    from: '192.168.50.1',
    to: '100.64.0.25',
    port: 80,
    expect: ['100.96.2.2:8080'],
    masquerade: true,
  },
  { say: 'a pod to a pod', from: client, to: '100.96.1.3', port: 8080, expect: 'none' },
]
