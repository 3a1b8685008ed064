import { serviceNameLabel, type EndpointSlice } from '../api/objects/endpointslice.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Service, ServicePort } from '../api/objects/service.ts'
import type { Address } from '../base/address.ts'
import { type Cluster, isAlive, nodeAddresses, podAddress, serviceAddresses } from '../trace/cluster/cluster.ts'

export type Labels = Readonly<Record<string, string>>

/** A cluster's objects by what checks look for, so that a check of every service asks no pod twice. */
export interface Directory {
  pods(namespace: string): readonly Pod[]
  pod(namespace: string, name: string): Pod | undefined
  /** All of a namespace's pods that have these labels, ended ones too. An empty selector has none: it selects nobody in a Service. */
  matching(namespace: string, selector: Labels): readonly Pod[]
  /** Pods of any namespace that have these labels. */
  matchingAnywhere(selector: Labels): readonly Pod[]
  slices(service: Service): readonly EndpointSlice[]
  /** The service and port that is reached at an address: its own, or a node's with a node port. `protocol`: `tcp`. */
  reached(address: Address, port: number, protocol: string): { service: Service; port: ServicePort } | undefined
  /** Pods with a network of their own that have the address now. */
  podsAt(address: Address): readonly Pod[]
  podsOn(node: string): readonly Pod[]
}

const made = new WeakMap<Cluster, Directory>()

export function directoryOf(cluster: Cluster): Directory {
  const known = made.get(cluster)
  if (known) return known
  const directory = make(cluster)
  made.set(cluster, directory)
  return directory
}

function make({ pods, services, slices, nodes }: Cluster): Directory {
  const byNamespace = groups(pods, (pod) => [spaceOf(pod)])
  const byLabel = groups(pods, (pod) => labelKeys(pod.metadata.labels).map((key) => `${spaceOf(pod)} ${key}`))
  const anywhere = groups(pods, (pod) => labelKeys(pod.metadata.labels))
  const slicesOf = groups(slices, (one) => [`${spaceOf(one)}/${one.metadata.labels?.[serviceNameLabel] ?? ''}`])
  const byAddress = groups(services, serviceAddresses)
  const podsAt = groups(pods, (pod) => {
    const address = podAddress(pod)
    return address === undefined || pod.spec.hostNetwork || !isAlive(pod) ? [] : [address]
  })
  const nodesAt = new Set(nodes.flatMap(nodeAddresses))
  const byKey = new Map(pods.map((pod) => [`${spaceOf(pod)}/${pod.metadata.name}`, pod]))
  const nodePorts = new Map(
    services.flatMap((service) =>
      (service.spec.ports ?? []).flatMap((port) =>
        port.nodePort === undefined
          ? []
          : [[`${port.nodePort}/${(port.protocol ?? 'TCP').toLowerCase()}`, { service, port }] as const],
      ),
    ),
  )
  const podsOn = groups(pods, (pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]))

  /** Of the shortest list, those that have the other labels too. */
  const meeting = (index: ReadonlyMap<string, readonly Pod[]>, before: string, selector: Labels): readonly Pod[] => {
    const lists = labelKeys(selector).map((key) => index.get(`${before}${key}`) ?? [])
    const [shortest = []] = lists.sort((one, other) => one.length - other.length)
    return lists.length < 2 ? shortest : shortest.filter((pod) => meets(pod.metadata.labels, selector))
  }
  return {
    pods: (namespace) => byNamespace.get(namespace) ?? [],
    pod: (namespace, name) => byKey.get(`${namespace}/${name}`),
    matching: (namespace, selector) => meeting(byLabel, `${namespace} `, selector),
    matchingAnywhere: (selector) => meeting(anywhere, '', selector),
    slices: (service) => slicesOf.get(`${spaceOf(service)}/${service.metadata.name}`) ?? [],
    reached(address, number, protocol) {
      for (const service of byAddress.get(address) ?? []) {
        const port = service.spec.ports?.find((one) => one.port === number && speaks(one, protocol))
        if (port) return { service, port }
      }
      return nodesAt.has(address) ? nodePorts.get(`${number}/${protocol}`) : undefined
    },
    podsAt: (address) => podsAt.get(address) ?? [],
    podsOn: (node) => podsOn.get(node) ?? [],
  }
}

/** Whether labels have everything that a selector asks for. */
export function meets(labels: Labels | undefined, selector: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels?.[key] === value)
}

export function spaceOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  return metadata.namespace ?? 'default'
}

function speaks({ protocol = 'TCP' }: ServicePort, wanted: string): boolean {
  return protocol.toLowerCase() === wanted
}

function labelKeys(labels: Labels | undefined): string[] {
  return Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)
}

function groups<T>(all: readonly T[], keysOf: (one: T) => readonly string[]): Map<string, T[]> {
  const map = new Map<string, T[]>()
  for (const one of all)
    for (const key of new Set(keysOf(one))) {
      const list = map.get(key)
      if (list) list.push(one)
      else map.set(key, [one])
    }
  return map
}
