import type { Endpoint, EndpointSlice } from '../api/objects/endpointslice.ts'
import type { ServicePort } from '../api/objects/service.ts'
import type { Packed } from '../kernel/nftables/packed.ts'
import { addressOf, endpointValue, type Protocol } from './layout/keys.ts'
import type { NodeFacts } from './node.ts'
import { isReachable, packedAddress } from './packed-address.ts'
import { isPort, protocolOf } from './protocol.ts'

/** An endpoint of one port of a service: ready, or still serving while it terminates. */
export interface Found {
  readonly value: Packed
  readonly ready: boolean
  readonly nodeName: string | undefined
  readonly hints: Endpoint['hints']
}

/** Which endpoints serve one port of a service, as values of `endpoints` without repeats. */
export interface Choice {
  readonly cluster: readonly Packed[]
  readonly local: readonly Packed[]
  readonly anywhere: boolean
  /** All that serve, picked or not: whoever is connected to one of them may stay. */
  readonly serving: readonly Packed[]
  /** Addresses, packed, of those chosen that are on this node. */
  readonly here: readonly Packed[]
  /** How many of this node are ready: those that only terminate do not count for a load balancer's health check. */
  readonly localReady: number
}

const none: readonly Packed[] = []

/**
 * Whether leaving endpoints have to serve is decided for the whole cluster and for this node alone, each on its own (KEP-1669);
 * hints count for the whole cluster only (KEP-2433, KEP-3015). `uses`: the lists that the service's policies ask for.
 */
export function choose(
  found: readonly Found[],
  node: NodeFacts,
  uses: { readonly cluster: boolean; readonly local: boolean; readonly serving: boolean },
): Choice {
  const here = found.filter((endpoint) => endpoint.nodeName === node.name)
  const cluster = uses.cluster ? nearest(servingOf(found), node) : []
  const local = uses.local ? servingOf(here) : []
  const addresses = new Set<Packed>()
  // An endpoint that does not say where it is may be here.
  for (const chosen of [cluster, local])
    for (const endpoint of chosen)
      if ((endpoint.nodeName ?? node.name) === node.name) addresses.add(addressOf(endpoint.value))
  return {
    cluster: valuesOf(cluster),
    local: valuesOf(local),
    anywhere: found.length > 0,
    serving: uses.serving ? valuesOf(found) : none,
    here: addresses.size > 0 ? [...addresses] : none,
    localReady: here.length === 0 ? 0 : new Set(here.filter(({ ready }) => ready).map(({ value }) => value)).size,
  }
}

function valuesOf(chosen: readonly Found[]): readonly Packed[] {
  if (chosen.length === 0) return none
  if (chosen.length > few) return [...new Set(chosen.map(({ value }) => value))]
  const values: Packed[] = []
  for (const { value } of chosen) if (!values.includes(value)) values.push(value)
  return values
}

/** Of so many a list is searched faster than a set is made; nearly all services have no more. */
const few = 8

/** Ready endpoints; when there are none, those that still serve while they terminate. */
function servingOf(found: readonly Found[]): readonly Found[] {
  if (found.every(({ ready }) => ready)) return found
  const ready = found.filter((endpoint) => endpoint.ready)
  return ready.length > 0 ? ready : found
}

/** Those that the slices' hints give to this node, else to its zone; all of them where some have no hint or none is for us. */
function nearest(serving: readonly Found[], node: NodeFacts): readonly Found[] {
  // Hints are for ready endpoints; where only leaving ones are left, every one of them is needed.
  if (!serving[0]?.ready || serving.some(({ hints }) => hints === undefined)) return serving
  return (
    hinted(serving, 'forNodes', node.name) ??
    (node.zone === undefined ? undefined : hinted(serving, 'forZones', node.zone)) ??
    serving
  )
}

function hinted(all: readonly Found[], by: 'forNodes' | 'forZones', name: string): readonly Found[] | undefined {
  if (!all.every(({ hints }) => hints?.[by]?.length)) return undefined
  const ours = all.filter(({ hints }) => hints?.[by]?.some((hint) => hint.name === name))
  return ours.length > 0 ? ours : undefined
}

/** All that are ready or leaving. What cannot be served is told and left out. */
export function endpointsOf(
  port: ServicePort,
  protocol: Protocol,
  slices: readonly EndpointSlice[],
  problem: (object: EndpointSlice, say: string) => void,
): Found[] {
  const found: Found[] = []
  for (const slice of slices) {
    const target = slice.ports?.find(
      (candidate) => (candidate.name ?? '') === (port.name ?? '') && protocolOf(candidate.protocol) === protocol,
    )
    if (target === undefined) continue
    if (!isPort(target.port)) {
      problem(slice, `port "${target.name ?? ''}" is no number from 1 to 65535: it is left out`)
      continue
    }
    for (const endpoint of slice.endpoints ?? []) {
      const ready = endpoint.conditions?.ready !== false
      if (!ready && !isLeaving(endpoint)) continue
      // All addresses of one endpoint are the same pod; consumers use the first (EndpointSlice API).
      const text = endpoint.addresses?.[0]
      const address = text === undefined ? undefined : packedAddress(text, slice.addressType === 'IPv6' ? 6 : 4)
      // What EndpointSlice validation forbids too: this host, its loopback, everybody.
      if (address === undefined || !isReachable(address)) {
        problem(slice, `endpoint address ${text} cannot be served: it is left out`)
        continue
      }
      const { nodeName, hints } = endpoint
      found.push({ value: endpointValue(address, target.port), ready, nodeName, hints })
    }
  }
  return found
}

function isLeaving({ conditions }: Endpoint): boolean {
  return conditions?.terminating === true && conditions.serving !== false
}
