import { type Address, addressBytes, type Cidr, contains, family, formatCidr, parseAddress } from '../base/address.ts'
import { type Endpoint, type EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../api/objects/service.ts'
import type { Packed } from '../kernel/nftables/packed.ts'
import { packAddress } from '../kernel/nftables/packed.ts'
import { endpointValue, flowOf, maxEndpoints, type Protocol, protocols } from './layout.ts'

/** The node for which the rules are made. */
export interface NodeFacts {
  readonly name: string
  /** All pods of the cluster. */
  readonly podCidr: Cidr
  readonly serviceCidr: Cidr
}

/** What one service adds to the ruleset, before its endpoints have their slots. */
export interface Portion {
  /** The service's address, as `service-ips` holds it. */
  readonly address: Packed
  readonly ports: readonly PortPortion[]
  /** Its endpoints on this node: they may reach themselves. */
  readonly local: readonly Packed[]
}

export interface PortPortion {
  /** The key of `services`. */
  readonly flow: Packed
  /** Values of `endpoints`, without repeats and in no order that means anything. */
  readonly endpoints: readonly Packed[]
  /** What becomes of a packet when there are none. */
  readonly without: 'reject' | 'drop'
}

/** Something in a service or slice that cannot be obeyed. Everything else in it can. */
export interface Problem {
  readonly object: Service | EndpointSlice
  readonly say: string
}

/** A label that gives a service to another proxy (KEP-2447). */
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'

/**
 * One service and its slices as elements-to-be; `portion` is undefined for what no proxy has to do with (headless, ExternalName)
 * and for what makes no sense. Objects come from the API and are taken for hostile.
 */
export function portionOf(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodeFacts,
): { portion: Portion | undefined; problems: Problem[] } {
  const problems: Problem[] = []
  const problem = (object: Problem['object'], say: string): void => void problems.push({ object, say })
  const { spec } = service
  const text = addressText(service)
  if (text === undefined) return { portion: undefined, problems }
  const address = parseAddress(text)
  if (address === undefined || !contains(node.serviceCidr, address)) {
    problem(
      service,
      `clusterIP ${text} is not in the service range ${formatCidr(node.serviceCidr)}: the service is not served`,
    )
    return { portion: undefined, problems }
  }

  const packed = packAddress(address)
  const local = new Set<Packed>()
  const ports: PortPortion[] = []
  const seen = new Set<Packed>()
  const usable = slices.filter((slice) => slice.addressType === 'IPv4')
  for (const port of spec.ports ?? []) {
    const protocol = protocolOf(port.protocol)
    if (protocol === undefined || !isPort(port.port)) {
      problem(service, `port ${port.port} ${port.protocol ?? ''} is none: this port is not served`)
      continue
    }
    const flow = flowOf(packed, protocol, port.port)
    if (seen.has(flow)) {
      problem(service, `port ${port.port} ${protocol} is there twice: the first one counts`)
      continue
    }
    seen.add(flow)
    const found = endpointsOf(port, protocol, usable, problem)
    const anywhere = servingOf(found)
    const here = found.filter((endpoint) => endpoint.nodeName === node.name)
    // Whether leaving endpoints have to serve is decided for those of this node alone (KEP-1669).
    const chosen = spec.internalTrafficPolicy === 'Local' ? servingOf(here) : anywhere
    if (chosen.length > maxEndpoints) problem(service, `more than ${maxEndpoints} endpoints: the others are left out`)
    // An endpoint that does not say where it is may be here.
    for (const endpoint of chosen)
      if ((endpoint.nodeName ?? node.name) === node.name) local.add(packAddress(endpoint.address))
    const values = new Set(chosen.slice(0, maxEndpoints).map((endpoint) => endpoint.value))
    ports.push({
      flow,
      endpoints: [...values].sort(),
      without: anywhere.length > 0 ? 'drop' : 'reject',
    })
  }
  return { portion: { address: packed, ports, local: [...local].sort() }, problems }
}

/** The IPv4 address that the service should have, or undefined when it has none: then there is nothing to translate. */
function addressText({ metadata, spec }: Service): string | undefined {
  if (spec.type === 'ExternalName' || metadata.labels?.[otherProxyLabel] !== undefined) return undefined
  const texts = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP]
  const text = texts.find((candidate) => candidate !== undefined && !candidate.includes(':'))
  // Empty: not allocated yet.
  return text === 'None' || text === '' ? undefined : text
}

interface Found {
  readonly address: Address
  readonly value: Packed
  readonly nodeName: string | undefined
  readonly ready: boolean
}

/** Ready endpoints; when there are none, those that still serve while they terminate (KEP-1669). */
function servingOf(found: readonly Found[]): readonly Found[] {
  const ready = found.filter((endpoint) => endpoint.ready)
  return ready.length > 0 ? ready : found
}

/** All that are ready or leaving. */
function endpointsOf(
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
      const address = text === undefined ? undefined : parseAddress(text)
      if (address === undefined || !isUnicast(address)) {
        problem(slice, `endpoint address ${text} cannot be served: it is left out`)
        continue
      }
      found.push({ address, value: endpointValue(address, target.port), nodeName: endpoint.nodeName, ready })
    }
  }
  return found
}

function isLeaving({ conditions }: Endpoint): boolean {
  return conditions?.terminating === true && conditions.serving !== false
}

function protocolOf(name: string | undefined): Protocol | undefined {
  const protocol = name ?? 'TCP'
  return Object.hasOwn(protocols, protocol) ? (protocol as Protocol) : undefined
}

function isPort(port: number | undefined): port is number {
  return Number.isInteger(port) && (port as number) > 0 && (port as number) < 65536
}

/** Not this host, not its loopback, not everybody: what EndpointSlice validation forbids too. */
function isUnicast(address: Address): boolean {
  if (family(address) !== 4) return false
  const [first = 0, second = 0] = addressBytes(address)
  return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254)
}
