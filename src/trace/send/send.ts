import { randomBytes, randomInt } from 'node:crypto'
import { type Address, address } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import type { Agent } from '../agent.ts'
import { type Cluster, type LabPlace, podKey } from '../cluster/cluster.ts'
import { concerned } from './concerned.ts'
import type { Observation } from '../observation.ts'
import { atOf, type Origin } from '../origin.ts'
import type { WatchSpec } from '../observe/spec.ts'
import type { ProbeResult, ProbeSpec, Request } from '../probe/spec.ts'
import type { Capture } from '../pcap/capture.ts'
import { hostHeader, type Target, transportOf } from '../ask/target.ts'
import { watchAll, type Watcher } from './watching.ts'

/** Where watchers can stand. */
export interface Places {
  node(name: string): Agent | undefined
  lab?: LabPlace
  router?: { name: string; address: Address; agent: Agent }
  /** The machine beyond the router; made when it is asked for first. */
  outside?(): Promise<{ address: Address; agent: Agent }>
}

/** A pod that sends, and everything that is needed for it. */
export interface Sender {
  readonly cluster: Cluster
  readonly places: Places
  readonly source: Origin
  /** Of the source's node. */
  readonly agent: Agent
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Gets all packets, as long as they are. */
  readonly capture?: Capture
}

/** What was asked for could not be sent, because of who or where. */
export interface Unsent {
  readonly kind: 'unsent'
  readonly say: string
  /** What to look at, where it was not the sender that had ended. */
  readonly fix?: string
}

export interface Sent {
  readonly to: { readonly address: Address; readonly port: number }
  /** The source port. */
  readonly port: number
  readonly observations: readonly Observation[]
  readonly result: ProbeResult | Unsent
}

/** Nodes that are watched at once: where the endpoints of a service are. */
const mostNodes = 32
const mostPods = 64
/** How often another source port is tried when the chosen one is taken in the pod. */
const mostPorts = 5
/** How long a machine may take to set up its watchers, or to tell what they saw. */
const patienceMs = 3000
/** How long requests in a row are sent (send/repeat.ts). */
const longestRepeatMs = 40_000

/** Watchers on every machine concerned, then the request, then everything that they saw. `question`: what a DNS request asks. */
export async function sendWatched(sender: Sender, target: Target, to: Sent['to'], question: string): Promise<Sent> {
  const watchers = watchersOf(sender, target, to)
  return withFreePort(sender, async (port) => {
    const request = requestOf(sender, target, to, port, question)
    const { observations, result } = await watched(watchers({ port, seconds: waits(sender) }), sender, request)
    return { to, port, observations, result }
  })
}

/** Seconds after which nobody watches any more, whatever happened to who asked. */
function waits({ timeoutMs }: Sender): number {
  return timeoutMs / 1000 + 10
}

/** Every machine concerned, as watchers of what is sent from a port, or from some ports in a row. */
export function watchersOf(
  sender: Sender,
  target: Target,
  to: Sent['to'],
): (flow: Pick<WatchSpec, 'port' | 'span' | 'seconds'>) => Watcher[] {
  const protocol = transportOf(target.protocol)
  const { cluster, source } = sender
  const { pods, nodes, addresses } = concerned(cluster, source, to, protocol)
  return (flow) => {
    const base = { id: randomBytes(4).toString('hex'), protocol, addresses, ...flow }
    const watchers = nodes.slice(0, mostNodes).flatMap((node): Watcher[] => {
      const agent = sender.places.node(node)
      if (!agent) return []
      const here = pods.filter(({ spec }) => spec.nodeName === node).map(podKey)
      const isSender = source.kind === 'node' && source.node === node
      return [{ node, agent, spec: { ...base, pods: here.slice(0, mostPods), ...(isSender && { isSender }) } }]
    })
    if (source.kind === 'outside')
      watchers.push({ node: source.node, agent: sender.agent, spec: { ...base, pods: [] } })
    const { router } = sender.places
    if (router) watchers.push({ node: router.name, agent: router.agent, spec: { ...base, pods: [] } })
    return watchers
  }
}

/** The request between the moment when all watchers stand and the one when they are asked for what they saw. */
export async function watched(
  watchers: readonly Watcher[],
  { agent, source, signal, capture }: Sender,
  request: ProbeSpec,
): Promise<{ observations: Observation[]; result: ProbeResult | Unsent }> {
  const whole = (one: Watcher): Watcher => ({ ...one, spec: { ...one.spec, whole: true } })
  const watching = watchAll(capture ? watchers.map(whole) : watchers, patienceMs)
  try {
    await watching.ready
    const result = await bounded(source.node, request, signal, (limit) => agent.probe(request, limit))
    const observations = await watching.finish()
    const spec = watchers[0]?.spec
    if (spec && 'port' in spec) capture?.addOwn(observations, spec)
    return { observations, result }
  } finally {
    watching.abandon()
  }
}

/**
 * Pods end and machines go away while they are asked: that is a story, too. An agent that hangs holds nobody up: it knows its time, and is
 * given some more.
 */
async function bounded(
  node: string,
  { kind, timeoutMs }: ProbeSpec,
  signal: AbortSignal,
  send: (limit: AbortSignal) => Promise<ProbeResult>,
): Promise<ProbeResult | Unsent> {
  const ms = timeoutMs + 2 * patienceMs + (kind === 'repeat' ? longestRepeatMs : 0)
  const late = AbortSignal.timeout(ms)
  const gone = Promise.withResolvers<Unsent>()
  const say = `the agent of ${node} was to send it, and said nothing within ${Math.round(ms / 1000)} s`
  const fix = agentRuns(node)
  const tell = (): void => gone.resolve({ kind: 'unsent', say, fix })
  late.addEventListener('abort', tell, { once: true })
  try {
    return await Promise.race([
      send(AbortSignal.any([signal, late])).catch((error: unknown) => unsent(error, node)),
      gone.promise,
    ])
  } finally {
    late.removeEventListener('abort', tell)
  }
}

function unsent(error: unknown, node: string): Unsent {
  if (!(error instanceof KubehopError)) throw error
  return { kind: 'unsent', say: error.plain, ...(error.code === 'AgentFailed' && { fix: agentRuns(node) }) }
}

function agentRuns(node: string): string {
  return `see whether the agent of ${node} runs, and trace again`
}

/** The source port is chosen here, because watchers must know it before anything is sent. */
export async function withFreePort<T extends { readonly result: ProbeResult | Unsent }>(
  { source }: Sender,
  send: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < mostPorts; attempt++) {
    const sent = await send(randomInt(32768, 60999))
    if (sent.result.kind !== 'port-taken') return sent
  }
  const say = `${source.kind === 'pod' ? 'pod ' : ''}${source.key} has no free port among ${mostPorts} that were tried`
  throw new KubehopError('trace', 'send the request', 'PortTaken', say)
}

/** `question`: what a DNS request asks. */
export function requestOf(
  { source, timeoutMs }: Sender,
  target: Target,
  to: Sent['to'],
  port: number,
  question: string,
): Request {
  // A node has several addresses: its kernel takes the one that the way has, and the rules' trace tells which.
  const from = { address: source.kind === 'node' ? address('0.0.0.0') : source.address, port }
  const common = { at: atOf(source), timeoutMs, from, to }
  switch (target.protocol) {
    case 'http':
    case 'https':
      return { ...common, kind: target.protocol, host: hostHeader(target, to), path: target.path }
    case 'dns':
      return { ...common, kind: 'dns', name: question }
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'icmp':
      return { ...common, kind: target.protocol }
  }
}
