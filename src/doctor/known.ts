import { type Address, parseAddress } from '../base/address.ts'
import { type EndpointSlice, serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Service } from '../api/objects/service.ts'
import { isAlive, podKey } from '../trace/cluster.ts'
import type { MachineFacts, PodFacts } from './facts.ts'
import type { View } from './types.ts'

/** A view's objects and facts by what they are looked up by: a cluster has thousands of them, and each check asks for each. */
export interface Known {
  /** By `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>
  /** Pods that live and have an address of their own. */
  readonly podAt: ReadonlyMap<Address, Pod>
  readonly machines: ReadonlyMap<string, MachineFacts>
  /** What a pod's machine says of it, by `namespace/name`. */
  readonly facts: ReadonlyMap<string, { readonly machine: MachineFacts; readonly pod: PodFacts }>
  slices: (service: Service) => readonly EndpointSlice[]
}

const cache = new WeakMap<View, Known>()

export function known(view: View): Known {
  const found = cache.get(view) ?? index(view)
  cache.set(view, found)
  return found
}

function index({ cluster, machines }: View): Known {
  const byService = Map.groupBy(
    cluster.slices,
    ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceNameLabel] ?? ''}`,
  )
  const own = cluster.pods.filter((pod) => isAlive(pod) && pod.spec.hostNetwork !== true)
  return {
    pods: new Map(cluster.pods.map((pod) => [podKey(pod), pod])),
    podAt: new Map(own.flatMap((pod) => addressesOf(pod).map((address) => [address, pod] as const))),
    machines: new Map(machines.map((machine) => [machine.node, machine])),
    facts: new Map(machines.flatMap((machine) => machine.pods.map((pod) => [pod.pod, { machine, pod }] as const))),
    slices: ({ metadata }) => byService.get(`${metadata.namespace}/${metadata.name}`) ?? [],
  }
}

export function addressesOf({ status }: Pod): Address[] {
  const texts = [...(status?.podIP === undefined ? [] : [status.podIP]), ...(status?.podIPs ?? []).map(({ ip }) => ip)]
  return [...new Set(texts)].flatMap((text) => parseAddress(text) ?? [])
}
