import { family, parseAddress } from '../../base/address.ts'
import type { Endpoint, EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service, ServicePort } from '../../api/objects/service.ts'
import { isFinished, isReady, isTerminating } from '../conditions.ts'

export type Family = 'IPv4' | 'IPv6'
export type SlicePort = NonNullable<EndpointSlice['ports']>[number]

/** Endpoints that can share slices, because their ports are the same. A named targetPort can be another number in each pod. */
export interface Group {
  readonly ports: SlicePort[]
  readonly endpoints: Endpoint[]
}

/** The labels of a node, or undefined when there is no such node. */
export type NodeLabels = (name: string) => Readonly<Record<string, string>> | undefined

export const zoneLabel = 'topology.kubernetes.io/zone'

/** What stands behind a service, by the rules of upstream's k8s.io/endpointslice. */
export function groupsOf(service: Service, pods: Iterable<Pod>, of: Family, labelsOf: NodeLabels): Group[] {
  const groups = new Map<string, Group>()
  for (const pod of pods) {
    const address = addressOf(pod, of)
    if (address === undefined || isFinished(pod)) continue
    const labels = labelsOf(pod.spec.nodeName ?? '')
    // Its node has been deleted: nobody knows whether it still runs, and soon it goes as well.
    if (labels === undefined && !service.spec.publishNotReadyAddresses) continue
    const ports = portsOf(service, pod)
    const key = JSON.stringify(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    groups.set(key, group)
    group.endpoints.push(endpointOf(service, pod, address, labels?.[zoneLabel] || undefined))
  }
  return [...groups.values()]
}

function endpointOf(service: Service, pod: Pod, address: string, zone: string | undefined): Endpoint {
  const { nodeName, hostname, subdomain } = pod.spec
  const { name, namespace = '', uid } = pod.metadata
  const conditions = conditionsOf(service, pod)
  const hints = conditions.ready ? hintsOf(service, nodeName, zone) : undefined
  return {
    addresses: [address],
    conditions,
    ...(hostname && subdomain === service.metadata.name && { hostname }),
    ...(nodeName && { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, ...(uid !== undefined && { uid }) },
    ...(zone !== undefined && { zone }),
    ...(hints && { hints }),
  }
}

/** Each endpoint is for the clients of its own place (KEP-4444, KEP-3015); a proxy that finds one without a hint heeds none of them. */
function hintsOf({ spec }: Service, node: string | undefined, zone: string | undefined): Endpoint['hints'] {
  const preferred = spec.trafficDistribution
  const byNode = preferred === 'PreferSameNode' && node !== undefined
  const byZone = zone !== undefined && preferred !== undefined && placePreferences.has(preferred)
  return byNode || byZone
    ? { ...(byZone && { forZones: [{ name: zone }] }), ...(byNode && { forNodes: [{ name: node }] }) }
    : undefined
}

const placePreferences = new Set(['PreferSameZone', 'PreferClose', 'PreferSameNode'])

/** A terminating pod is never ready, however it answers its probe, unless the service publishes what is not ready (KEP-1672). */
function conditionsOf(service: Service, pod: Pod): Required<NonNullable<Endpoint['conditions']>> {
  const serving = isReady(pod)
  const terminating = isTerminating(pod)
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  return { ready, serving, terminating }
}

function addressOf({ status }: Pod, of: Family): string | undefined {
  const all = status?.podIPs?.map((one) => one.ip) ?? (status?.podIP ? [status.podIP] : [])
  return all.find((text) => {
    const address = parseAddress(text)
    return address !== undefined && family(address) === (of === 'IPv4' ? 4 : 6)
  })
}

/** A port that the pod does not have (by that name) is left out; a headless service may have none. */
function portsOf(service: Service, pod: Pod): SlicePort[] {
  return (service.spec.ports ?? []).flatMap((port): SlicePort[] => {
    const number = numberOf(port, pod)
    if (number === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = port
    return [{ name, port: number, protocol, ...(appProtocol !== undefined && { appProtocol }) }]
  })
}

function numberOf({ targetPort, port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (typeof targetPort !== 'string') return targetPort === undefined || targetPort === 0 ? port : targetPort
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')
  for (const container of [...pod.spec.containers, ...sidecars])
    for (const one of container.ports ?? [])
      if (one.name === targetPort && (one.protocol ?? 'TCP') === protocol) return one.containerPort
  return undefined
}
