import type { Pod } from '../../api/objects/pod.ts'
import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../../api/objects/service.ts'
import { type Address, parseAddress } from '../../base/address.ts'
import { podKey } from '../../trace/cluster/cluster.ts'
import { directoryOf } from '../directory.ts'
import type { MachineFacts, PodFacts, SocketFact } from '../facts.ts'
import { machinesOf } from '../machines.ts'
import type { View } from '../types.ts'

/** One port of a service, with its endpoints. */
export interface Served {
  readonly service: Service
  readonly port: ServicePort
  /** Its place in spec.ports. */
  readonly at: number
  readonly protocol: SocketFact['protocol']
  readonly endpoints: readonly ServedBy[]
}

/** An endpoint that stays. */
export interface ServedBy {
  readonly address: Address
  readonly port: number
  /** Whether it is told to clients. */
  readonly ready: boolean
  readonly slice: EndpointSlice
  /** undefined where the endpoint is no pod of this cluster. */
  readonly pod: Pod | undefined
  /** What its machine says, where that was asked. */
  readonly facts: PodFacts | undefined
  readonly machine: MachineFacts | undefined
}

const made = new WeakMap<View, Served[]>()

/** Every port of every service. */
export function servedPorts(view: View): readonly Served[] {
  const known = made.get(view) ?? servedOf(view)
  made.set(view, known)
  return known
}

function servedOf(view: View): Served[] {
  return view.cluster.services.flatMap((service) =>
    (service.spec.ports ?? []).map((port, at) => ({
      service,
      port,
      at,
      protocol: (port.protocol ?? 'TCP').toLowerCase() as SocketFact['protocol'],
      endpoints: endpointsOf(view, service, port),
    })),
  )
}

function endpointsOf(view: View, service: Service, port: ServicePort): ServedBy[] {
  const directory = directoryOf(view.cluster)
  const machines = machinesOf(view)
  return directory.slices(service).flatMap((slice) => {
    const number = (slice.ports ?? []).find(
      ({ name, protocol = 'TCP' }) => (name ?? '') === (port.name ?? '') && protocol === (port.protocol ?? 'TCP'),
    )?.port
    if (number === undefined) return []
    return (slice.endpoints ?? []).flatMap(({ addresses, conditions, targetRef }): ServedBy[] => {
      const address = parseAddress(addresses[0] ?? '')
      if (address === undefined || conditions?.terminating === true) return []
      // Pods with hostNetwork share their node's address: only the slice says which one is meant.
      const named =
        targetRef?.kind === 'Pod' ? directory.pod(targetRef.namespace ?? '', targetRef.name ?? '') : undefined
      const pod = named ?? directory.podsAt(address)[0]
      const told = pod && machines.pods.get(podKey(pod))
      const ready = conditions?.ready !== false
      return [{ address, port: number, ready, slice, pod, facts: told?.pod, machine: told?.machine }]
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

/** `settled`: every container has run for a while, so what is missing is missing for good. `starting`: it may still come. */
export function stageOf({ metadata, status }: Pod, now: number): 'settled' | 'starting' | 'not running' {
  const all = status?.containerStatuses ?? []
  if (metadata.deletionTimestamp !== undefined || all.length === 0) return 'not running'
  const starts = all.map(({ state }) => state?.running?.startedAt)
  if (starts.includes(undefined)) return 'not running'
  return starts.every((at) => now - Date.parse(at ?? '') > settleMs) ? 'settled' : 'starting'
}
