import { randomBytes } from 'node:crypto'
import { KubehopError } from '../../base/errors.ts'
import type { Agent } from '../agent.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { look, type TraceOptions } from '../coordinate.ts'
import { findOrigin } from '../ask/find-origin.ts'
import { endsOf } from '../flow/flow.ts'
import { Queue } from '../observe/queue.ts'
import type { Origin } from '../origin.ts'
import { findDestination } from '../ask/resolve.ts'
import { parseSource } from '../ask/source.ts'
import { parseTarget } from '../ask/target.ts'
import { watchAll, type Watcher } from '../send/watching.ts'
import { Flows } from './flows.ts'
import { identities } from './identity.ts'
import { Known } from './known.ts'
import { newEndpoints } from './new-endpoints.ts'
import { LiveReport } from './report.ts'
import { endText, type Scope, scopeOf } from './scope.ts'
import { type LiveSpec, mostRate } from './spec.ts'
import { type About, tellFlow } from './telling.ts'
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
  let began: number | undefined
  let watchedMs: number | undefined
  /** When the ages of what stands were read, since `began`. */
  let agesFromMs = 0
  const about: About = { cluster, ranges, source, target, explain, isTranslated: scope.ends.behind.length > 0 }
  const asked = new Set(scope.ends.asked.map((to) => endText(to, scope.ends.protocol)))
  const report = new LiveReport(cluster, options.stories)
  const known = new Known()
  const flows = new Flows({
    protocol: scope.ends.protocol,
    identify: identities(scope.ends),
    isSource: ({ kind, name }) => kind === source.kind && (kind !== 'pod' || name === source.key),
    isAsked: (ip) => asked.has(endsOf(ip).dst),
    most: mostFollowed,
    patienceMs: timeoutMs,
    graceMs,
    settled(seen, isLast) {
      // It is called from timers.
      const told = events.attempt(() => tellFlow(seen, isLast, about, { report, known }))
      if (typeof told === 'object') events.push({ kind: 'flow', flow: told })
      return told !== 'later'
    },
  })
  const watchers = watchersOf(scope, source, options, outside?.agent)
  const watching = watchAll(watchers, patienceMs, (one) => {
    options.capture?.add([one])
    if (one.kind === 'packet') flows.see(one)
    else if (one.kind === 'rule') flows.rule(one)
    else if (one.kind === 'thinned') {
      flows.thin(one.bits)
      if (one.lost > 0) flows.doubt()
    } else if (one.kind === 'lost' && one.packets) flows.doubt()
    known.see(one)
    if (one.kind === 'established' && began !== undefined) agesFromMs = performance.now() - began
    // Nobody sees any more what begins.
    if (one.kind === 'unwatched' && one.node === source.node) {
      flows.doubt()
      end(stopMs)
    }
  })
  const settle = async (ms: number): Promise<void> => {
    await flows.closed(ms)
    await watching.finish()
    flows.finish()
  }
  /** `waitMs`: so long what has begun may take to be answered. */
  const end = (waitMs: number): void => {
    if (began === undefined || watchedMs !== undefined) return
    watchedMs = performance.now() - began
    settle(waitMs).then(
      () => events.end(),
      (error: unknown) => events.fail(error),
    )
  }
  // Who ends the watch by hand does not want to wait, nor who does so while answers are waited for.
  const stop = (): void => (watchedMs === undefined ? end(stopMs) : flows.hurry())
  const abandon = (): void => {
    watching.abandon()
    flows.abandon()
    events.end()
  }
  options.signal?.addEventListener('abort', abandon, { once: true })
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    await watching.ready
    const blind = known.unwatched(source.node)
    if (blind !== undefined)
      throw new KubehopError('trace', 'watch', 'Unwatched', `${source.node} cannot be watched: ${blind}`)
    // The time runs from when it is seen what begins, however long whoever reads this takes to ask on.
    began = performance.now()
    timer = setTimeout(end, seconds * 1000, timeoutMs)
    options.stop?.addEventListener('abort', stop, { once: true })
    if (options.stop?.aborted) stop()
    if (options.signal?.aborted) abandon()
    const id = watchers[0]?.spec.id ?? ''
    yield { kind: 'watching', id, from: source.key, to: target.text, seconds, watched: scope.say }
    yield* events
    if (options.signal?.aborted || watchedMs === undefined) return
    const ends = { from: source.key, to: target.text, protocol: target.protocol }
    const trace = report.summary(ends, {
      seconds: secondsOf(watchedMs),
      watched: scope.say,
      begun: Math.max(flows.begun, known.isThinned ? known.begun : 0),
      notes: [...known.notes(), ...(await newEndpoints(client, scope.ends))],
      // Of a storm not all that began was followed: then only what is known to be older stood before.
      established: known.established.filter(({ ageMs }) =>
        ageMs === undefined ? !known.isThinned : ageMs > agesFromMs,
      ),
    })
    yield { kind: 'summary', trace }
  } finally {
    clearTimeout(timer)
    options.stop?.removeEventListener('abort', stop)
    options.signal?.removeEventListener('abort', abandon)
    abandon()
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
    rate: Math.min(Math.max(leastRate, Math.ceil(mostFollowed / seconds)), mostRate),
    counts: seconds,
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

/** Tenths of seconds; of less, thousandths. */
function secondsOf(ms: number): number {
  return ms < 100 ? Math.round(ms) / 1000 : Math.round(ms / 100) / 10
}
