import fc, { type Arbitrary } from 'fast-check'
import type { Endpoint, EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service, ServicePort, ServiceSpec } from '../../src/api/objects/service.ts'
import { address } from '../../src/base/address.ts'
import type { Question } from '../../src/proxy/decide.ts'
import { farPod, friend, nodeAddress, otherAddress, ownAddresses, ownVip, pod, podA, podB, stranger } from './places.ts'
import { endpoint, service, slice } from './services.ts'

// Few names, addresses and ports, so that services meet, share and steal.
const names = ['a', 'b', 'c', 'd', 'e']
const clusterIPs = ['100.64.0.1', '100.64.0.2', '100.64.0.3', '100.64.0.4']
const vips = ['203.0.113.1', '203.0.113.2', ownVip]
const externalIPs = ['198.51.100.1', '203.0.113.1', nodeAddress, '100.64.0.2', '127.0.0.1', 'x']
const nodePorts = [30_001, 30_002, 30_003]
const ranges = [
  '192.168.50.64/29',
  '192.168.50.0/24',
  '100.96.0.0/11',
  '0.0.0.0/0',
  ' 192.168.50.77/32',
  'fd00::/8',
  'x',
]
const endpoints = [
  '100.96.1.2@node1',
  '100.96.1.3@node1',
  '100.96.1.4',
  '100.96.1.5@node1',
  '100.96.2.2@node2',
  '100.96.2.3@node2',
  '127.0.0.1',
  'fd00::2',
]

export type Change = { readonly put: Service | EndpointSlice } | { readonly remove: Service | EndpointSlice }

/** Mostly as it should be. */
function mostly<T>(usual: Arbitrary<T>, odd: Arbitrary<T>): Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: usual }, odd)
}

const policy = fc.constantFrom('Cluster', 'Local', undefined)

const aPort: Arbitrary<ServicePort> = fc
  .record({
    base: fc.constantFrom<ServicePort>(
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'admin', port: 81, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns', port: 53, protocol: 'TCP' },
      { name: 'http', port: 80, protocol: 'SCTP' },
      { name: 'np', port: 30_001, protocol: 'TCP' },
    ),
    nodePort: fc.option(fc.constantFrom(...nodePorts), { nil: undefined }),
    odd: mostly(fc.constant({}), fc.constantFrom({ port: 0 }, { protocol: 'ICMP' as 'TCP' }, { nodePort: 70_000 })),
  })
  .map(({ base, nodePort, odd }) => ({ ...base, ...(nodePort === undefined ? {} : { nodePort }), ...odd }))

const anAffinity: Arbitrary<ServiceSpec> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<ServiceSpec>({}) },
  fc.constantFrom(undefined, 60, 10_800).map(
    (timeoutSeconds): ServiceSpec => ({
      sessionAffinity: 'ClientIP',
      ...(timeoutSeconds ? { sessionAffinityConfig: { clientIP: { timeoutSeconds } } } : {}),
    }),
  ),
)

const aService: Arbitrary<Service> = fc
  .record({
    name: fc.constantFrom(...names),
    clusterIP: mostly(fc.constantFrom(...clusterIPs), fc.constantFrom('None', '', '10.0.0.1', 'x')),
    ports: fc.array(aPort, { maxLength: 4 }),
    since: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
    type: mostly(fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', undefined), fc.constant('ExternalName')),
    internal: policy,
    external: policy,
    affinity: anAffinity,
    externalIPs: fc.subarray(externalIPs, { maxLength: 2 }),
    ingress: fc.array(
      fc.record({ ip: fc.constantFrom(...vips, 'x'), ipMode: fc.constantFrom('VIP', 'Proxy', undefined) }),
      { maxLength: 2 },
    ),
    ranges: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.subarray(ranges)),
    otherProxy: mostly(fc.constant(false), fc.constant(true)),
  })
  .map(({ name, clusterIP, ports, since, type, internal, external, affinity, otherProxy, ...more }) => {
    const spec = {
      ...affinity,
      ...(type ? { type } : {}),
      ...(internal ? { internalTrafficPolicy: internal } : {}),
      ...(external ? { externalTrafficPolicy: external } : {}),
      externalIPs: more.externalIPs,
      loadBalancerSourceRanges: more.ranges,
    } as ServiceSpec
    const made = service(name, clusterIP, ports, spec)
    const ingress = more.ingress.map(({ ip, ipMode }) => ({ ip, ...(ipMode ? { ipMode: ipMode as 'VIP' } : {}) }))
    const labels = otherProxy ? { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } } : {}
    return {
      ...made,
      metadata: { ...made.metadata, creationTimestamp: since, ...labels },
      status: { loadBalancer: { ingress } },
    }
  })

const anEndpoint: Arbitrary<Endpoint> = fc
  .record({
    at: fc.constantFrom(...endpoints),
    ready: fc.constantFrom(true, true, false, undefined),
    serving: fc.constantFrom(true, false, undefined),
    terminating: fc.boolean(),
    zones: fc.option(fc.subarray(['a', 'b']), { nil: undefined }),
    nodes: fc.option(fc.subarray(['node1', 'node2']), { nil: undefined }),
  })
  .map(({ at, ready, serving, terminating, zones, nodes }) => {
    const hints = {
      ...(zones ? { forZones: zones.map((name) => ({ name })) } : {}),
      ...(nodes ? { forNodes: nodes.map((name) => ({ name })) } : {}),
    }
    const conditions = {
      ...(ready === undefined ? {} : { ready }),
      ...(serving === undefined ? {} : { serving }),
      terminating,
    }
    return endpoint(at, { conditions, ...((zones ?? nodes) ? { hints } : {}) })
  })

const aSlice: Arbitrary<EndpointSlice> = fc
  .record({
    of: fc.constantFrom(...names),
    // A slice may also go over to another service.
    name: fc.constantFrom('1', '2', '3', '4', '5', '6', '7'),
    endpoints: fc.array(anEndpoint, { maxLength: 5 }),
    ports: fc.subarray(['http:8080', 'admin:9090', 'dns:5353/UDP', 'dns:9090', 'http:8080/SCTP', 'np:8080'], {
      minLength: 1,
    }),
  })
  .map(({ of, name, endpoints, ports }) => slice(of, endpoints, ports, name))

const anObject: Arbitrary<Service | EndpointSlice> = fc.oneof(aService, { weight: 2, arbitrary: aSlice })

export const aChange: Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: anObject.map((put) => ({ put })) },
  anObject.map((remove) => ({ remove })),
)

const aTarget = fc.oneof(
  fc.record({
    to: fc.constantFrom(...clusterIPs, ...vips, '198.51.100.1', nodeAddress, '100.64.9.9'),
    port: fc.constantFrom(80, 81, 53, 30_001, 82),
  }),
  fc.record({ to: fc.constantFrom(nodeAddress, otherAddress), port: fc.constantFrom(...nodePorts, 80, 30_009) }),
)

/** A packet that such a cluster may have something to say about. Who is far asks only for what it does not have itself. */
export const aQuestion: Arbitrary<Question> = fc
  .record({
    from: fc.constantFrom(pod, podA, podB, '100.96.1.5', nodeAddress, otherAddress, ownVip, friend, stranger, farPod),
    target: aTarget,
    protocol: fc.constantFrom('TCP', 'TCP', 'UDP', 'SCTP'),
  })
  .filter(({ from, target }) => from !== farPod || target.to.startsWith('100.64.') || target.to.startsWith('192.168.'))
  .map(({ from, target: { to, port }, protocol }) => ({
    from: address(from),
    to: address(to),
    port,
    protocol,
    byNode: ownAddresses.has(from),
  }))
