import { type Address, contains, formatCidr, parseAddress } from '../base/address.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../api/objects/service.ts'
import type { Packed } from '../kernel/nftables/packed.ts'
import { packAddress } from '../kernel/nftables/packed.ts'
import { addressesOf, type ServiceAddress } from './addresses.ts'
import { type Choice, choose, endpointsOf } from './endpoints.ts'
import { flowOf, type Protocol } from './layout/keys.ts'
import type { Scope } from './layout/numbers.ts'
import type { NodeFacts } from './node.ts'
import { isPort, protocolOf } from './protocol.ts'
import { otherProxyLabel } from './slim.ts'
import type { Source } from './sources.ts'

/** What one service adds to the ruleset, before its ports have numbers and their endpoints have slots. */
export interface Portion {
  /** Its cluster IP, as `service-ips` holds it. */
  readonly clusterIP: Packed | undefined
  readonly ports: readonly PortPortion[]
  /** Addresses of its endpoints on this node: they may reach themselves. */
  readonly local: readonly Packed[]
}

export interface PortPortion {
  /** Tells the ports of one service apart: `TCP/80`. */
  readonly name: string
  /** Seconds for which a client keeps its endpoint; 0: it does not. */
  readonly sticky: number
  /** Values of `endpoints`, without repeats and in no order that means anything: all that may serve, and those of this node. */
  readonly cluster: readonly Packed[]
  readonly local: readonly Packed[]
  /** Of UDP: all endpoints that still serve, picked or not. */
  readonly serving: readonly Packed[]
  /** There are endpoints, if not on this node: without local ones packets are dropped, not refused. */
  readonly anywhere: boolean
  readonly flows: readonly FlowPortion[]
}

/** One way to reach a port of a service: an address and a port. */
export interface FlowPortion {
  /** The key of `services`. */
  readonly flow: Packed
  readonly kind: ServiceAddress['kind']
  /** Which of the port's lists serves it. */
  readonly scope: Scope
  /** Who may send; undefined: everybody. */
  readonly sources?: readonly Source[]
}

/** Something in a service or slice that cannot be obeyed. Everything else in it can. */
export interface Problem {
  readonly object: Service | EndpointSlice
  readonly say: string
}

/** What a load balancer outside may ask this node: does it have endpoints of its own for the service (KEP-1669, service.spec.healthCheckNodePort)? */
export interface HealthCheck {
  readonly port: number
  readonly localEndpoints: number
}

export interface Portioned {
  /** undefined for what no proxy has to do with (headless, ExternalName) and for what makes no sense. */
  readonly portion: Portion | undefined
  readonly problems: readonly Problem[]
  readonly healthCheck?: HealthCheck
}

/** API default of sessionAffinityConfig.clientIP.timeoutSeconds, and its limit. */
const usualTimeout = 10_800
const longestTimeout = 86_400

/** One service and its slices as elements-to-be. Objects come from the API and are taken for hostile. */
export function portionOf(service: Service, slices: readonly EndpointSlice[], node: NodeFacts): Portioned {
  const { problems, problem } = collectProblems(service)
  const { spec } = service
  if (spec.type === 'ExternalName' || service.metadata.labels?.[otherProxyLabel] !== undefined)
    return { portion: undefined, problems }
  const clusterIP = clusterIPOf(service, node)
  if (clusterIP === undefined) return { portion: undefined, problems }
  if (!contains(node.serviceCidr, clusterIP)) {
    problem(
      service,
      `clusterIP ${clusterIP} is not in the service range ${formatCidr(node.serviceCidr)}: the service is not served`,
    )
    return { portion: undefined, problems }
  }
  if (!spec.ports?.length) problem(service, 'it has no ports: there is nothing to serve')

  const addresses = addressesOf(service, clusterIP, node, problem)
  const external = addresses.length > 1 || (spec.type ?? 'ClusterIP') !== 'ClusterIP'
  const usable = slices.filter((slice) => slice.addressType === `IPv${node.serviceCidr.family}`)
  const local = new Set<Packed>()
  const ports: PortPortion[] = []
  const seen = new Set<Packed>()
  let localEndpoints = 0
  for (const port of spec.ports ?? []) {
    const protocol = protocolOf(port.protocol)
    if (protocol === undefined || !isPort(port.port)) {
      problem(service, `port ${port.port} ${port.protocol ?? ''} is none: this port is not served`)
      continue
    }
    const [first, ...others] = flowsOf(service, port, protocol, addresses)
    if (first === undefined || seen.has(first.flow)) {
      problem(service, `port ${port.port} ${protocol} is there twice: the first one counts`)
      continue
    }
    const flows = [first]
    for (const other of others)
      if (seen.has(other.flow))
        problem(service, `${other.kind} of port ${port.port} ${protocol} is there twice: the first one counts`)
      else flows.push(other)
    for (const { flow } of flows) seen.add(flow)
    const choice = choose(endpointsOf(port, protocol, usable, problem), node, {
      cluster: external || spec.internalTrafficPolicy !== 'Local',
      local: spec.internalTrafficPolicy === 'Local' || (external && spec.externalTrafficPolicy === 'Local'),
      serving: protocol === 'UDP',
    })
    for (const address of choice.here) local.add(address)
    localEndpoints = Math.max(localEndpoints, choice.localReady)
    ports.push(portPortion(service, port, protocol, choice, flows))
  }
  const portion = { clusterIP: packAddress(clusterIP), ports, local: [...local].sort() }
  const checked =
    spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' && isPort(spec.healthCheckNodePort)
  return checked
    ? { portion, problems, healthCheck: { port: spec.healthCheckNodePort as number, localEndpoints } }
    : { portion, problems }
}

/**
 * Each problem once, however many ports or endpoints have it, and no more than people read. What is left out is counted in the last one.
 */
function collectProblems(service: Service): {
  problems: Problem[]
  problem: (object: Problem['object'], say: string) => void
} {
  const problems: Problem[] = []
  const known = new Set<string>()
  const problem = (object: Problem['object'], say: string): void => {
    const { kind, metadata } = object
    const key = `${kind} ${metadata.name} ${say}`
    if (known.has(key)) return
    known.add(key)
    if (known.size <= mostProblems) problems.push({ object, say })
    else problems[mostProblems] = { object: service, say: `and ${known.size - mostProblems} more like these` }
  }
  return { problems, problem }
}

const mostProblems = 10

function portPortion(
  { spec }: Service,
  port: ServicePort,
  protocol: Protocol,
  { cluster, local, serving, anywhere }: Choice,
  flows: readonly FlowPortion[],
): PortPortion {
  return { name: `${protocol}/${port.port}`, sticky: stickySeconds(spec), cluster, local, serving, anywhere, flows }
}

function stickySeconds({ sessionAffinity, sessionAffinityConfig }: Service['spec']): number {
  if (sessionAffinity !== 'ClientIP') return 0
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? usualTimeout
  return Number.isInteger(seconds) ? Math.min(Math.max(seconds, 1), longestTimeout) : usualTimeout
}

function flowsOf(
  { spec }: Service,
  port: ServicePort,
  protocol: Protocol,
  addresses: readonly ServiceAddress[],
): FlowPortion[] {
  const outer: Scope = spec.externalTrafficPolicy === 'Local' ? 'local' : 'cluster'
  const inner: Scope = spec.internalTrafficPolicy === 'Local' ? 'local' : 'cluster'
  const flows: FlowPortion[] = []
  for (const { kind, packed, sources } of addresses) {
    const number = kind === 'nodePort' ? port.nodePort : port.port
    // A load balancer's service may have no node ports (allocateLoadBalancerNodePorts).
    if (!isPort(number)) continue
    flows.push({
      flow: flowOf(packed, protocol, number),
      kind,
      scope: kind === 'clusterIP' ? inner : outer,
      ...(sources ? { sources } : {}),
    })
  }
  return flows
}

/** The address of the node's family that the service should have, or undefined when it has none: then there is nothing to translate. */
function clusterIPOf({ spec }: Service, { serviceCidr }: NodeFacts): Address | undefined {
  const texts = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP]
  for (const text of texts) {
    // Empty: not allocated yet.
    const parsed = text === undefined || text === 'None' || text === '' ? undefined : parseAddress(text)
    if (parsed !== undefined && parsed.includes(':') === (serviceCidr.family === 6)) return parsed
  }
  return undefined
}
