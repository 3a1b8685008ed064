import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Packed } from '../kernel/nftables/packed.ts'
import { unpackAddress } from '../kernel/nftables/packed.ts'
import type { Counts } from '../kernel/nftables/element.ts'
import { print } from '../kernel/nftables/print.ts'
import type { Datum, Ruleset } from '../kernel/nftables/ruleset.ts'
import { readEndpoint } from './layout/keys.ts'
import { portOf } from './layout/numbers.ts'
import type { SetName } from './layout/sets.ts'

/** Who is behind the numbers and addresses of a ruleset. */
export interface Names {
  /** The service that has an address and port, and its port. */
  holder(flow: Packed): { readonly service: string; readonly port: string } | undefined
  slicesOf(service: string): readonly EndpointSlice[]
}

interface Meant {
  readonly services: readonly string[]
  readonly say: string
}

/**
 * The ruleset in nft's language, with the names of the service and of the endpoint beside each element; with `only`, a service as
 * `namespace/name`, just its elements.
 */
export function printRules(
  ruleset: Ruleset,
  names: Names,
  counts: (set: string, key: Packed) => Counts | undefined,
  only?: string,
): string {
  const meaning = meaningsOf(ruleset, names)
  const options = { counts, note: (set: string, key: Packed, datum: Datum) => meaning(set, key, datum)?.say }
  if (only === undefined) return print(ruleset, options)
  return print(ruleset, {
    ...options,
    rules: false,
    keep: (set, key, datum) => meaning(set, key, datum)?.services.includes(only) ?? false,
  })
}

function meaningsOf(ruleset: Ruleset, names: Names): (set: string, key: Packed, datum: Datum) => Meant | undefined {
  const flowBytes = ruleset.table.family === 'ip6' ? 24 : 12
  const ports = new Map<number, Meant>()
  const addresses = new Map<Packed, Set<string>>()
  const endpoints = new Map<string, Set<string>>()
  const podsOf = podNames(names)

  const flowMeans = (flow: Packed): Meant | undefined => {
    const holder = names.holder(flow)
    return holder && { services: [holder.service], say: `${holder.service} ${holder.port}` }
  }
  for (const name of ['services', 'inside', 'no-endpoints', 'no-local-endpoints'] satisfies SetName[])
    for (const [flow, value] of ruleset.sets.get(name)?.elements ?? []) {
      const meant = flowMeans(flow)
      if (!meant) continue
      if (value !== null) ports.set(portOf(value), meant)
      addTo(addresses, flow.slice(0, flowBytes - 8) as Packed, meant.services)
    }
  const portMeans = (list: Packed): Meant | undefined => ports.get(portOf(list))
  for (const [key, value] of ruleset.sets.get('endpoints')?.elements ?? []) {
    const services = portMeans(key)?.services
    if (services && typeof value === 'string') addTo(endpoints, readEndpoint(value).address, services)
  }

  const withPod = (meant: Meant | undefined, value: Datum): Meant | undefined => {
    const [service = ''] = meant?.services ?? []
    const pod = typeof value === 'string' ? podsOf(service, readEndpoint(value).address) : undefined
    return meant && pod !== undefined ? { ...meant, say: `${meant.say}, ${pod}` } : meant
  }
  const listed = (found: Iterable<string> | undefined): Meant | undefined => {
    const services = [...(found ?? [])]
    return services.length > 0 ? { services, say: services.join(', ') } : undefined
  }
  const meanings: Readonly<Record<SetName, (key: Packed, datum: Datum) => Meant | undefined>> = {
    services: flowMeans,
    inside: flowMeans,
    'no-endpoints': flowMeans,
    'no-local-endpoints': flowMeans,
    external: flowMeans,
    'external-local': flowMeans,
    restricted: flowMeans,
    connections: flowMeans,
    sent: flowMeans,
    received: flowMeans,
    sources: (key) => flowMeans(key.slice(0, flowBytes) as Packed),
    endpoints: (key, value) => withPod(portMeans(key), value),
    remembered: (key, value) => withPod(portMeans(key), value),
    numbers: portMeans,
    affinity: (key) => portMeans(key.slice(-4) as Packed),
    ways: () => undefined,
    'service-ips': (address) => listed(addresses.get(address)),
    hairpin: (pair) => listed(endpoints.get(unpackAddress(pair.slice(0, pair.length / 2) as Packed))),
  }
  return (set, key, datum) => (Object.hasOwn(meanings, set) ? meanings[set as SetName](key, datum) : undefined)
}

function addTo<K>(map: Map<K, Set<string>>, key: K, services: readonly string[]): void {
  const set = map.get(key)
  if (set) for (const service of services) set.add(service)
  else map.set(key, new Set(services))
}

/** The name of an endpoint, from the slices of its service. */
function podNames(from: Names): (service: string, address: string) => string | undefined {
  const known = new Map<string, Map<string, string>>()
  return (service, address) => {
    let names = known.get(service)
    if (!names) {
      names = new Map()
      for (const { endpoints } of from.slicesOf(service))
        for (const { addresses, targetRef } of endpoints ?? [])
          if (addresses?.[0] !== undefined && targetRef?.name !== undefined)
            names.set(addresses[0], `${kindOf(targetRef)} ${targetRef.name}`)
      known.set(service, names)
    }
    return names.get(address)
  }
}

/** From the API, where somebody may have written anything. */
function kindOf({ kind }: { kind?: unknown }): string {
  return typeof kind === 'string' ? kind.toLowerCase() : 'pod'
}
