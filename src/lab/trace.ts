import { request as httpsRequest } from 'node:https'
import type { Authority } from '../api/certificates/authority.ts'
import { makeClientCertificate } from '../api/certificates/certificates.ts'
import { ApiError, type Client } from '../api/client/client.ts'
import { type Address, formatCidr, overlaps } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { explain } from '../doctor/explain.ts'
import { agentPort } from '../node/describe.ts'
import type { Netns } from '../kernel/netns.ts'
import { type Agent, localAgent } from '../trace/agent.ts'
import type { Explain } from '../trace/case.ts'
import type { LabPlace } from '../trace/cluster/cluster.ts'
import { mostRequests, traceRequest, type TraceOptions } from '../trace/coordinate.ts'
import { leastSize } from '../trace/send/largest.ts'
import { largestSize } from '../trace/send/sizes.ts'
import { httpAgent } from '../trace/http.ts'
import type { Trace } from '../trace/types.ts'
import { withKeptLists } from './kept-lists.ts'
import { layOutside, outsideCidr } from './outside.ts'
import { nodeDnsAddress, routerAddress, type Settings } from './settings.ts'
import type { TraceStops } from './trace-stop.ts'
import type { Wire } from './wire.ts'

export const tracePath = '/kubehop/trace'

/** Sends requests in a lab. A refusal is an ApiError. */
export type Tracer = (wish: TraceWish, signal: AbortSignal, explain: Explain) => Promise<Trace>

/** Answers `POST /kubehop/trace`. */
export function traceExtension(
  tracer: Tracer,
  stops: TraceStops,
): (body: unknown, gone: AbortSignal) => Promise<Trace> {
  return async (body, signal) => {
    const wish = readTraceWish(body)
    return stops.during(wish.id, (stop) => tracer({ ...wish, stop }, signal, explain))
  }
}

/** What every trace in a lab is asked with. */
export type Around = Omit<TraceOptions, 'from' | 'to'>

/** Nodes are watched by their agents, the router by this process. */
export function aroundOf(
  settings: Settings & LabPlace,
  wire: Wire,
  authority: Authority,
  client: () => Client,
  log: Log,
): () => Around {
  const tls = {
    ca: authority.cert,
    ...makeClientCertificate(authority, { name: 'kubehop-trace', groups: ['system:masters'] }),
  }
  const router = localAgent({
    node: 'router',
    kind: 'router',
    ns: wire.router,
    podNetns: () => undefined,
    podFile: () => '',
  })
  let outside: ReturnType<typeof makeOutside> | undefined
  let kept: Client | undefined
  const addresses = new Map(wire.nodes.map(({ name, address }) => [name, address]))
  return () => ({
    client: (kept ??= withKeptLists(client())),
    zone: settings.zone,
    ...(settings.nodeDns && { nodeDns: nodeDnsAddress }),
    ranges: { pods: settings.podCidr, services: settings.serviceCidr, nodes: settings.nodeCidr },
    places: {
      lab: { folder: settings.folder, userNamespace: settings.userNamespace },
      node(name) {
        const host = addresses.get(name)
        return host && httpAgent(name, (options) => httpsRequest({ ...tls, host, port: agentPort, ...options }))
      },
      router: { name: 'router', address: routerAddress(settings), agent: router },
      outside: async () => (outside ??= makeOutside(settings, wire.router)),
    },
    log,
  })
}

export function tracerOf(around: () => Around): Tracer {
  return async (wish, signal, explain) => {
    try {
      return await traceRequest({ ...around(), ...optionsOf(wish), signal, explain })
    } catch (error) {
      throw refusal(error)
    }
  }
}

/** What was wished, as the trace takes it. */
export function optionsOf({
  from,
  to,
  namespace,
  timeoutMs,
  count,
  sizes,
  dryRun,
  stop,
}: TraceWish): Pick<TraceOptions, 'from' | 'to' | 'namespace' | 'timeoutMs' | 'count' | 'sizes' | 'dryRun' | 'stop'> {
  return {
    from,
    to,
    ...(namespace !== undefined && { namespace }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(count !== undefined && { count }),
    ...(sizes !== undefined && { sizes }),
    ...(dryRun === true && { dryRun }),
    ...(stop && { stop }),
  }
}

/** What cannot be traced is the asker's to know; anything else is ours, and logged by the server. */
export function refusal(error: unknown): unknown {
  return error instanceof KubehopError && error.room === 'trace' ? new ApiError(422, error.code, error.plain) : error
}

/** It ends with the lab's namespaces: nothing of it is anywhere else. */
function makeOutside(settings: Settings, router: Netns): { address: Address; agent: Agent } {
  const taken = [settings.podCidr, settings.serviceCidr, settings.nodeCidr].find((range) =>
    overlaps(range, outsideCidr),
  )
  if (taken)
    throw new KubehopError(
      'trace',
      'make the machine outside',
      'NoOutside',
      `this lab uses ${formatCidr(taken)}, and the machine outside needs ${formatCidr(outsideCidr)}: start the lab with other ranges`,
    )
  const { ns, address } = layOutside(router)
  const agent = localAgent({
    node: 'outside',
    kind: 'outside',
    ns,
    podNetns: () => undefined,
    podFile: () => undefined,
  })
  return { address, agent }
}

export interface TraceWish {
  from: string
  to: string
  namespace: string | undefined
  timeoutMs: number | undefined
  /** Requests to send: 1 to 1000. */
  count?: number | undefined
  /** true: finds the largest packet that arrives; a number: sends one packet of so many bytes. */
  sizes?: boolean | number | undefined
  /** Nothing is sent: the prediction alone. */
  dryRun?: boolean | undefined
  /** By which it may be ended early. */
  id?: string | undefined
  /** Not from the wire: set when it was. */
  stop?: AbortSignal
}

/** Checks what came over the wire. */
export function readTraceWish(body: unknown): TraceWish {
  const { from, to, namespace, timeoutMs, count, sizes, dryRun, id } = (
    typeof body === 'object' && body !== null ? body : {}
  ) as Record<string, unknown>
  const texts = [from, to].every((text) => typeof text === 'string' && text.length < 1000)
  const named = namespace === undefined || (typeof namespace === 'string' && namespace.length < 254)
  const timed = timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= 100_000)
  const counted = count === undefined || isWhole(count, 1, mostRequests)
  const sized = sizes === undefined || typeof sizes === 'boolean' || isWhole(sizes, leastSize, largestSize)
  const dry = dryRun === undefined || typeof dryRun === 'boolean'
  const called = id === undefined || (typeof id === 'string' && id.length < 100)
  if (!texts || !named || !timed || !counted || !sized || !dry || !called) {
    throw new ApiError(
      400,
      'BadRequest',
      `a trace is { from, to } and, if wished, a namespace, timeoutMs (up to 100000), count (1 to ${mostRequests}), sizes (true, or ${leastSize} to ${largestSize}) dryRun (true) and id (a text)`,
    )
  }
  return { from, to, namespace, timeoutMs, count, sizes, dryRun, id } as TraceWish
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}
