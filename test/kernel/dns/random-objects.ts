import fc from 'fast-check'
import type { EndpointSlice } from '../../../src/api/objects/endpointslice.ts'
import type { Pod } from '../../../src/api/objects/pod.ts'
import type { Service, ServiceSpec } from '../../../src/api/objects/service.ts'

/** A service with its slices: what an API server would let in. */
export interface Named {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
}

export interface Objects {
  readonly services: readonly Named[]
  readonly pods: readonly Pod[]
}

export const namespaces: readonly string[] = ['testns', 'podns', 'kube-system']
export const serviceNames: readonly string[] = ['web', 'db', 'svc', 'pod', 'a-b', 'x1', 'dns', 'n'.repeat(63)]
export const hostnames: readonly string[] = ['web-0', 'web-1', 'dup', '172-0-0-2']
/** Ranges whose reverse names are the servers' alone. */
export const reverseRanges: readonly string[] = ['10.0.0.0/16', '172.0.0.0/16', '5678:abcd::/32']
export const endpointAddresses: { readonly IPv4: readonly string[]; readonly IPv6: readonly string[] } = {
  IPv4: ['172.0.0.2', '172.0.0.3', '172.0.1.4', '192.0.2.7', ...Array.from({ length: 20 }, (_, at) => `172.0.9.${at}`)],
  IPv6: ['5678:abcd::1', '5678:abcd::2', '5678:abcd:0:1:0:1:0:1', '2001:db8::7'],
}
export const portNames: readonly string[] = ['http', 'dns', 'metrics-1']
export const targets: readonly string[] = [
  'ext.interwebs.test',
  'many.interwebs.test',
  'nosuch.interwebs.test',
  'alias.interwebs.test',
  'web.testns.svc.cluster.local',
  'nosuch.testns.svc.cluster.local',
  'db.podns.svc.cluster.local.',
]

export function pod(name: string, namespace: string, ip: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { containers: [] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  }
}

const pods: fc.Arbitrary<Pod[]> = fc
  .uniqueArray(
    fc.record({
      namespace: fc.constantFrom(...namespaces),
      ip: fc.constantFrom(...endpointAddresses.IPv4, ...endpointAddresses.IPv6),
    }),
    { minLength: 3, maxLength: 20, selector: ({ namespace, ip }) => `${namespace} ${ip}` },
  )
  .map((pods) => pods.map(({ namespace, ip }, at) => pod(`pod-${at}`, namespace, ip)))

/** Every service that there may be has addresses of its own; some have none. */
const services: fc.Arbitrary<Named[]> = fc
  .uniqueArray(fc.record({ name: fc.constantFrom(...serviceNames), namespace: fc.constantFrom(...namespaces) }), {
    minLength: 6,
    maxLength: 16,
    selector: ({ name, namespace }) => `${name}.${namespace}`,
  })
  .chain((keys) => fc.tuple(...keys.map((key, at) => named(key, at))))

function named(key: { name: string; namespace: string }, at: number): fc.Arbitrary<Named> {
  return fc
    .record({ ports: somePorts, spec: fc.constantFrom(...kinds(at)), target: fc.constantFrom(...targets) })
    .chain(({ ports, spec, target }) => {
      const whole = spec.type === 'ExternalName' ? { ...spec, externalName: target } : spec
      const service: Service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...key },
        spec: {
          ...whole,
          ...(ports.length > 0 && { ports: ports.map((port) => ({ ...port, targetPort: port.port })) }),
        },
      }
      return fc
        .array(slice(key, ports, spec.publishNotReadyAddresses === true), {
          maxLength: spec.type === 'ExternalName' ? 0 : 3,
        })
        .map((slices) => ({
          service,
          slices: slices.map((one, index) => ({ ...one, metadata: { ...one.metadata, name: `${key.name}-${index}` } })),
        }))
    })
}

function kinds(at: number): ServiceSpec[] {
  const [four, six] = [`10.0.0.${at + 1}`, `1234:abcd::${at + 1}`]
  return [
    { clusterIP: four, clusterIPs: [four] },
    { clusterIP: four, clusterIPs: [four, six] },
    { clusterIP: six, clusterIPs: [six] },
    { clusterIP: 'None', clusterIPs: ['None'] },
    { clusterIP: 'None', clusterIPs: ['None'] },
    { clusterIP: 'None', clusterIPs: ['None'], publishNotReadyAddresses: true },
    { type: 'ExternalName' },
  ]
}

type Port = { name?: string; port: number; protocol: 'TCP' | 'UDP' | 'SCTP' }
const protocol = fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const)
const port = fc.constantFrom(53, 80, 8080)

/** One port may go without a name; several may not. */
const somePorts: fc.Arbitrary<Port[]> = fc.oneof(
  fc.constant<Port[]>([]),
  fc.record({ port, protocol }).map((one) => [one]),
  fc.uniqueArray(fc.record({ name: fc.constantFrom(...portNames), port, protocol }), {
    minLength: 1,
    maxLength: 3,
    selector: ({ name }) => name,
  }),
)

/** `ready`: whoever writes slices tells so of every endpoint when the service publishes all of them. */
function slice(key: { name: string; namespace: string }, ports: Port[], ready: boolean): fc.Arbitrary<EndpointSlice> {
  return fc.constantFrom('IPv4' as const, 'IPv6' as const).chain((addressType) =>
    fc
      .uniqueArray(
        fc.record(
          {
            addresses: fc.constantFrom(...endpointAddresses[addressType]).map((one) => [one]),
            hostname: fc.constantFrom(...hostnames),
            conditions: fc.record({ ready: ready ? fc.constant(true) : fc.boolean() }),
          },
          { requiredKeys: ['addresses'] },
        ),
        { maxLength: addressType === 'IPv4' ? 24 : 4, selector: ({ addresses }) => addresses[0] },
      )
      .map((endpoints) => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: '', namespace: key.namespace, labels: { 'kubernetes.io/service-name': key.name } },
        addressType,
        endpoints,
        ports: ports.map(({ name = '', ...rest }) => ({ name, ...rest })),
      })),
  )
}

/** What a cluster may hold. */
export const someObjects: fc.Arbitrary<Objects> = fc.record({ services, pods })
