import type { Endpoint } from '../../src/api/objects/endpointslice.ts'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { ServiceSpec } from '../../src/api/objects/service.ts'
import type { Random } from './trace-random-dice.ts'
import type { World } from './trace-world.ts'

const protocols = ['TCP', 'TCP', 'TCP', 'UDP', 'UDP', 'SCTP'] as const

/** Where programs listen (trace-random-servers.ts), and sometimes where nobody does. */
const targetPorts = {
  TCP: [8080, 8080, 8080, 8080, 9999, 6060],
  UDP: [7007, 7007, 7007, 5050, 7008],
  SCTP: [36412, 36412, 36412, 36413],
} as const

/** A service of any kind, with its endpoint slice: over some of the pods, over nobody, over who is gone. */
export function randomService(world: World, random: Random, n: number): void {
  const type = random.pick(['ClusterIP', 'ClusterIP', 'NodePort', 'LoadBalancer', 'headless'] as const)
  const protocol = random.pick(protocols)
  const targetPort = random.pick(targetPorts[protocol])
  const external = type === 'NodePort' || type === 'LoadBalancer'
  const clusterIP = type === 'headless' ? 'None' : `100.64.1.${n}`
  const spec: ServiceSpec = {
    type: type === 'headless' ? 'ClusterIP' : type,
    clusterIP,
    clusterIPs: [clusterIP],
    selector: { app: `s${n}` },
    // A headless service translates nothing: whoever asks by its name asks the pod's own port.
    ports: [
      {
        port: type === 'headless' ? targetPort : 80,
        targetPort,
        protocol,
        ...(external && { nodePort: 30_000 + n }),
      },
    ],
    ...(random.chance(0.3) && { internalTrafficPolicy: 'Local' as const }),
    ...(external && random.chance(0.5) && { externalTrafficPolicy: 'Local' as const }),
    ...(random.chance(0.25) && { sessionAffinity: 'ClientIP' as const }),
    ...(type !== 'headless' && random.chance(0.25) && { externalIPs: [`203.0.113.${100 + n}`] }),
    ...(type === 'LoadBalancer' &&
      random.chance(0.4) && {
        loadBalancerSourceRanges: random.pick([
          ['100.96.1.0/24'],
          ['192.168.50.0/24'],
          ['198.51.100.0/24'],
          ['0.0.0.0/0'],
        ]),
      }),
  }
  world.services.push({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `s${n}`, namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec,
    ...(type === 'LoadBalancer' && { status: { loadBalancer: { ingress: [{ ip: `203.0.113.${n}` }] } } }),
  })
  // Sometimes one alone, which then asks itself, too.
  const shop = world.pods.filter(({ metadata }) => metadata.namespace === 'shop')
  const chosen = random.chance(0.25) ? [random.pick(shop)] : shop.filter(() => random.chance(0.35))
  const endpoints = chosen.map((pod) => endpointOf(pod, random))
  if (random.chance(0.1))
    endpoints.push({ addresses: [random.pick(['100.96.1.200', '100.96.2.200'])], conditions: { ready: true } })
  world.slices.push({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `s${n}-x`, namespace: 'shop', labels: { 'kubernetes.io/service-name': `s${n}` } },
    addressType: 'IPv4',
    ports: [{ name: '', port: targetPort, protocol }],
    endpoints,
  })
}

function endpointOf({ metadata, spec, status }: Pod, random: Random): Endpoint {
  return {
    addresses: [status?.podIP ?? ''],
    ...(spec.nodeName !== undefined && { nodeName: spec.nodeName }),
    targetRef: { kind: 'Pod', name: metadata.name, namespace: 'shop' },
    conditions: random.pick([
      { ready: true },
      { ready: true },
      { ready: true },
      {},
      { ready: false, serving: false },
      { ready: false, serving: true, terminating: true },
    ]),
  }
}
