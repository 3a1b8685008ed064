import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service, ServiceSpec } from '../../api/objects/service.ts'
import { address, cidr } from '../../base/address.ts'
import { Zone, type ZoneOptions } from '../zone/zone.ts'

// The cluster of the tests, as objects.

export function service(name: string, spec: ServiceSpec, namespace = 'testns'): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec }
}

/** Endpoints as `ADDRESS` or `ADDRESS hostname`; a `!` before the address: not ready. */
export function slice(
  of: string,
  endpoints: string[],
  ports: EndpointSlice['ports'] = http,
  namespace = 'testns',
): EndpointSlice {
  const six = endpoints.some((text) => text.includes(':'))
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${of}-${six ? 'v6' : 'v4'}`, namespace, labels: { 'kubernetes.io/service-name': of } },
    addressType: six ? 'IPv6' : 'IPv4',
    endpoints: endpoints.map((text) => {
      const [ip = '', hostname] = text.replace('!', '').split(' ')
      return { addresses: [ip], conditions: { ready: !text.startsWith('!') }, ...(hostname && { hostname }) }
    }),
    ports,
  }
}

const http: NonNullable<EndpointSlice['ports']> = [{ name: 'http', port: 80, protocol: 'TCP' }]
const ports = [{ name: 'http', port: 80, protocol: 'TCP' as const }]

const services: Service[] = [
  service('svc1', { clusterIP: '10.0.0.1', ports }),
  service('svcempty', { clusterIP: '10.0.0.2', ports }),
  service('svc6', { clusterIP: '1234:abcd::1', ports }),
  service('svc-dual', { clusterIP: '10.0.0.3', clusterIPs: ['10.0.0.3', '10::3'], ports }),
  service('many', {
    clusterIP: '10.0.0.4',
    ports: [...ports, { name: 'dns', port: 53, protocol: 'UDP' }, { port: 99 }],
  }),
  service('hdls1', { clusterIP: 'None', ports }),
  service('hdlsnp', { clusterIP: 'None' }),
  service('starting', { clusterIP: 'None', ports }),
  service('eager', { clusterIP: 'None', ports, publishNotReadyAddresses: true }),
  service('external', { type: 'ExternalName', externalName: 'ext.interwebs.test' }),
  service('external-in', { type: 'ExternalName', externalName: 'svc1.testns.svc.cluster.local' }),
  service('external-gone', { type: 'ExternalName', externalName: 'nosuch.testns.svc.cluster.local.' }),
  service('external-ip', { type: 'ExternalName', externalName: '1.2.3.4' }),
  service('external-2', { type: 'ExternalName', externalName: 'External-In.testns.svc.Cluster.local' }),
  service('external-apex', { type: 'ExternalName', externalName: 'cluster.local' }),
  service('external-pod', { type: 'ExternalName', externalName: '10-240-0-1.podns.pod.cluster.local' }),
  service('external-arpa', { type: 'ExternalName', externalName: '1.0.0.10.in-addr.arpa' }),
  service('circle-2', { type: 'ExternalName', externalName: 'circle-3.testns.svc.cluster.local' }),
  service('circle-3', { type: 'ExternalName', externalName: 'circle-2.testns.svc.cluster.local' }),
  service('pending', { clusterIP: '', ports }),
  service('odd', { clusterIP: 'None', ports }),
  service('circle', { type: 'ExternalName', externalName: 'circle.testns.svc.cluster.local' }),
  service('kube-dns', { clusterIP: '10.0.0.10', ports: [] }, 'kube-system'),
]

const slices: EndpointSlice[] = [
  slice('svc1', ['172.0.0.2', '172.0.1.1']),
  slice('hdls1', ['172.0.0.2', '172.0.0.3', '172.0.0.4 dup-name', '172.0.0.5 dup-name']),
  slice('hdls1', ['5678:abcd::1', '5678:abcd::2']),
  slice('hdlsnp', ['172.0.0.20'], []),
  slice('starting', ['!172.0.0.30']),
  slice('odd', ['172.0.0.41 not.a.label']),
  {
    ...slice('odd', ['172.0.0.42']),
    metadata: { ...slice('odd', []).metadata, name: 'odd-fqdn' },
    addressType: 'FQDN',
  },
  slice('eager', ['!172.0.0.31 web-0']),
]

const namespaces: string[] = ['testns', 'podns', 'kube-system']

export function zoneOf(options: Partial<ZoneOptions> = {}): Zone {
  const zone = new Zone({
    zone: 'cluster.local',
    ttl: 5,
    pods: 'insecure',
    reverse: [cidr('10.0.0.0/16'), cidr('172.0.0.0/11'), cidr('fd00:aa00::/23')],
    self: 'kube-dns.kube-system',
    now: () => 1_700_000_000,
    ...options,
  })
  for (const name of namespaces) zone.namespace(name, true)
  for (const one of services) zone.service(one, true)
  for (const one of slices) zone.slice(one, true)
  zone.pod('podns', 'pod-1', [address('10.240.0.1')])
  return zone
}
