import type { Pod } from '../../api/objects/pod.ts'
import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../../api/objects/service.ts'
import { type Address, parseAddress } from '../../base/address.ts'
import { ownerOf, podKey, serviceAt } from '../../trace/cluster.ts'
import { transportOf } from '../../trace/target.ts'
import type { MachineFacts, PodFacts, SocketFact } from '../facts.ts'
import { known } from '../known.ts'
import type { View } from '../types.ts'

/** One port of a service, with the endpoints that are told to clients. */
export interface Served {
  readonly service: Service
  readonly port: ServicePort
  /** Its place in spec.ports. */
  readonly at: number
  readonly protocol: SocketFact['protocol']
  readonly endpoints: readonly ServedBy[]
}

export interface ServedBy {
  readonly address: Address
  readonly port: number
  readonly slice: EndpointSlice
  /** undefined where the endpoint is no pod of this cluster. */
  readonly pod: Pod | undefined
  /** What its machine says, where that was asked. */
  readonly facts: PodFacts | undefined
  readonly machine: MachineFacts | undefined
}

/** Every port of every service, or of the one that was asked; endpoints that are ready and stay. */
export function servedPorts(view: View): Served[] {
  return concerned(view).flatMap((service) =>
    (service.spec.ports ?? []).map((port, at) => ({
      service,
      port,
      at,
      protocol: (port.protocol ?? 'TCP').toLowerCase() as SocketFact['protocol'],
      endpoints: endpointsOf(view, service, port),
    })),
  )
}

function concerned({ cluster, request }: View): readonly Service[] {
  if (!request) return cluster.services
  const { to, target } = request
  const asked = to && serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
  if (asked) return [asked.service]
  const owner = to && ownerOf(cluster, to.address)
  return owner?.kind === 'service' ? [owner.service] : []
}

function endpointsOf(view: View, service: Service, port: ServicePort): ServedBy[] {
  const { slices, podAt, pods, facts } = known(view)
  return slices(service).flatMap((slice) => {
    const number = (slice.ports ?? []).find(
      ({ name, protocol = 'TCP' }) => (name ?? '') === (port.name ?? '') && protocol === (port.protocol ?? 'TCP'),
    )?.port
    if (number === undefined) return []
    return slice.endpoints.flatMap(({ addresses, conditions, targetRef }): ServedBy[] => {
      const address = parseAddress(addresses[0] ?? '')
      if (address === undefined || conditions?.ready === false || conditions?.terminating === true) return []
      // Pods with hostNetwork share their node's address: only the slice says which one is meant.
      const named = targetRef?.kind === 'Pod' ? pods.get(`${targetRef.namespace}/${targetRef.name}`) : undefined
      const pod = named ?? podAt.get(address)
      const told = pod && facts.get(podKey(pod))
      return [{ address, port: number, slice, pod, facts: told?.pod, machine: told?.machine }]
    })
  })
}

/** The sockets that an endpoint's packets can reach; undefined when nobody was asked, or the kernel tells nothing about this protocol. */
export function socketsOf({ facts, machine }: ServedBy, protocol: SocketFact['protocol']): SocketFact[] | undefined {
  const from = facts?.hostNetwork ? machine : facts
  if (!from || from.untold?.includes(protocol)) return undefined
  return from.sockets.filter((socket) => socket.protocol === protocol)
}

/** A program needs some time from its start until it listens; this is more than most need. */
const settleMs = 5000

/** Every container runs, and has done so for a while: what is missing now is missing for good. */
export function isSettled(pod: Pod | undefined, now: number): boolean {
  if (!pod || pod.metadata.deletionTimestamp !== undefined) return false
  const all = pod.status?.containerStatuses ?? []
  return (
    all.length > 0 &&
    all.every(({ state }) => state?.running !== undefined && now - Date.parse(state.running.startedAt) > settleMs)
  )
}
