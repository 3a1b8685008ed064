import { randomBytes } from 'node:crypto'
import { type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'
import type { Address } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import type { Agent } from '../agent.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { look, type TraceOptions } from '../coordinate.ts'
import { findOrigin } from '../ask/find-origin.ts'
import type { Sighting } from '../flow/flow.ts'
import { Queue } from '../observe/queue.ts'
import type { Origin } from '../origin.ts'
import { findDestination } from '../ask/resolve.ts'
import { parseSource } from '../ask/source.ts'
import { parseTarget } from '../ask/target.ts'
import { tell } from '../tell/tell.ts'
import type { Story } from '../tell/story.ts'
import { verdictOf } from '../tell/verdict.ts'
import type { Trace } from '../types.ts'
import { watchAll, type Watcher } from '../send/watching.ts'
import { type FlowSeen, Flows } from './flows.ts'
import { identities } from './identity.ts'
import { Known } from './known.ts'
import { LiveReport } from './report.ts'
import { type Scope, scopeOf } from './scope.ts'
import type { LiveSpec } from './spec.ts'
import type { LiveEvent } from './types.ts'

export interface LiveOptions extends TraceOptions {
  /** How long it is watched: up to {@link longest}. */
  readonly seconds: number
  /** So many of the first connections are told as whole stories. */
  readonly stories?: number
  /** Ends the watch early, with its summary; `signal` ends it without. */
  readonly stop?: AbortSignal
}

export const longest = 3600
/** Connections that are followed at most. */
export const mostFollowed = 1000
const leastRate = 100
/** How long a machine may take to set up its watchers, or to tell what they saw. */
const patienceMs = 5000
/** What other machines saw of a connection arrives a moment after its answer. */
const graceMs = 200
const stopMs = 500
const defaultTimeout = 4000

/** Watches what FROM itself sends to TO, and sends nothing. Throws KubehopErrors for what cannot be watched. */
export async function* traceLive(options: LiveOptions): AsyncGenerator<LiveEvent, void, undefined> {
  const { client, places, ranges, explain, seconds, timeoutMs = defaultTimeout, namespace = 'default' } = options
  const target = parseTarget(options.to)
  const wanted = parseSource(options.from)
  const objects = await look(client, options)
  const outside = wanted.kind === 'outside' ? await places.outside?.() : undefined
  const source = findOrigin(objects, wanted, namespace, outside)
  const { nodeDns } = options
  const cluster: Cluster = {
    ...objects,
    ...(nodeDns !== undefined && { nodeDns: { address: nodeDns, node: source.node } }),
    ...(outside && { outside: { address: outside.address } }),
  }
  if (options.capture) options.capture.cluster = cluster
  const scope = scopeOf(cluster, source, target, findDestination(cluster, target, source, namespace), namespace)
  const events = new Queue<LiveEvent>()
  const late: LiveEvent[] = []
  let isOver = false
  const report = new LiveReport(cluster, options.stories)
  const known = new Known()
  const flows = new Flows({
    protocol: scope.ends.protocol,
    identify: identities(scope.ends),
    isSource: ({ kind, name }) => kind === source.kind && (kind !== 'pod' || name === source.key),
    most: mostFollowed,
    patienceMs: timeoutMs,
    graceMs,
    settled(seen, isLast) {
      const verdict = verdictOf(storyOf(seen), seen.result, target.protocol)
      // What a place had no room for while the part was made smaller.
      if (known.isThinned && scope.ends.behind.length > 0 && verdict === 'delivered' && !isWhole(seen)) return isLast
      const story = report.wants(verdict) ? told(seen) : undefined
      if (story && !story.agrees && !isLast) return false
      // A story with holes is none: they are where packets were lost, and not where the request went.
      const whole = story && (story.agrees || !known.isLossy) ? story : undefined
      const event: LiveEvent = { kind: 'flow', flow: report.add(seen, verdict, whole) }
      if (isOver) late.push(event)
      else events.push(event)
      return true
    },
  })
  const told = ({ port, observations, result, first }: FlowSeen): Trace => {
    const asked = { cluster, ranges, source, target, dns: [], to: destinationOf(first), port, result }
    return tell({ ...asked, observations: [...observations, ...known.facts()] }, explain)
  }
  const storyOf = ({ flow, observations }: FlowSeen): Story => ({
    cluster,
    ranges,
    flow,
    facts: known.facts().filter((one) => one.kind === 'facts'),
    rules: observations.filter((one) => one.kind === 'rule'),
    source: source.key,
  })
  const watchers = watchersOf(scope, source, options, outside?.agent)
  const watching = watchAll(watchers, patienceMs, (one) => {
    options.capture?.add([one])
    if (one.kind === 'packet') flows.see(one)
    else if (one.kind === 'rule') flows.rule(one)
    else if (one.kind === 'thinned') {
      flows.thin(one.bits)
      if (one.lost > 0) flows.doubt()
    }
    known.see(one)
    // Nobody sees any more what begins.
    if (one.kind === 'unwatched' && one.node === source.node) events.end()
  })
  const end = (): void => events.end()
  const ends = [options.stop, options.signal].flatMap((signal) => (signal ? [signal] : []))
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    await watching.ready
    const blind = known.unwatched(source.node)
    if (blind !== undefined)
      throw new KubehopError('trace', 'watch', 'Unwatched', `${source.node} cannot be watched: ${blind}`)
    const id = watchers[0]?.spec.id ?? ''
    yield { kind: 'watching', id, from: source.key, to: target.text, seconds, watched: scope.say }
    const began = performance.now()
    timer = setTimeout(end, seconds * 1000)
    for (const signal of ends) {
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
    }
    yield* events
    const watched = performance.now() - began
    isOver = true
    if (options.signal?.aborted) return
    // What has begun is waited for as long as at any other time; who ended the watch by hand does not want to wait.
    await flows.closed(options.stop?.aborted ? stopMs : timeoutMs)
    await watching.finish()
    flows.finish()
    yield* late
    const about = { from: source.key, to: target.text, protocol: target.protocol }
    const trace = report.summary(about, {
      seconds: Math.round(watched / 100) / 10,
      watched: scope.say,
      begun: Math.max(flows.begun, known.isThinned ? known.begun : 0),
      notes: [...known.notes(), ...(await newEndpoints(options, scope))],
      // Of a storm not all that began was followed: then only what is known to be older stood before.
      established: known.established.filter(({ ageMs }) => (ageMs === undefined ? !known.isThinned : ageMs > watched)),
    })
    yield { kind: 'summary', trace }
  } finally {
    clearTimeout(timer)
    for (const signal of ends) signal.removeEventListener('abort', end)
    watching.abandon()
  }
}

function watchersOf(
  { nodes, ends }: Scope,
  source: Origin,
  { places, seconds, timeoutMs = defaultTimeout, capture }: LiveOptions,
  outside: Agent | undefined,
): Watcher[] {
  const base = {
    live: true,
    id: randomBytes(4).toString('hex'),
    ...ends,
    ...(capture && { whole: true }),
    // Longer than anybody waits for its end.
    seconds: seconds + timeoutMs / 1000 + patienceMs / 1000,
    rate: Math.max(leastRate, Math.ceil(mostFollowed / seconds)),
  } as const
  const watchers = [...nodes].flatMap(([node, pods]): Watcher[] => {
    const agent = places.node(node)
    if (!agent) return []
    const client = node === source.node ? { client: source.key } : {}
    return [{ node, agent, spec: { ...base, pods, ...client } satisfies LiveSpec }]
  })
  if (outside) watchers.push({ node: source.node, agent: outside, spec: { ...base, pods: [], client: 'machine' } })
  const { router } = places
  if (router) watchers.push({ node: router.name, agent: router.agent, spec: { ...base, pods: [] } })
  return watchers
}

/** It was seen translated. */
function isWhole({ first, flow }: FlowSeen): boolean {
  return flow.there.some(({ frame }) => frame.ip?.destination !== first.frame.ip?.destination)
}

function destinationOf({ frame: { ip } }: Sighting): { address: Address; port: number } | undefined {
  if (!ip?.transport) return undefined
  return { address: ip.destination, port: ip.transport.kind === 'icmp' ? 0 : ip.transport.destinationPort }
}

/** Endpoints that came while others were watched: their connections are followed up to the translation only. */
async function newEndpoints({ client }: LiveOptions, { ends: { asked, behind } }: Scope): Promise<string[]> {
  if (behind.length === 0) return []
  const known = new Set<string>([...asked, ...behind].map(({ address }) => address))
  const now = await client.list('EndpointSlice')
  const services = new Set<string>()
  for (const slice of now.items) {
    const all = slice.endpoints.flatMap(({ addresses }) => addresses)
    if (all.some((address) => known.has(address))) services.add(serviceOf(slice))
  }
  const fresh = now.items
    .filter((slice) => services.has(serviceOf(slice)))
    .flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses))
    .filter((address) => !known.has(address))
  if (fresh.length === 0) return []
  return [
    `endpoints came while it was watched (${fresh.slice(0, 5).join(', ')}): what they were given was not followed to its end`,
  ]
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`
}
