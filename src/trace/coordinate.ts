import { ApiError, type Client } from '../api/client/client.ts'
import type { Address } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Explain } from './case.ts'
import type { Cluster } from './cluster/cluster.ts'
import { type LookedUp, lookUp } from './send/lookup.ts'
import { outsideAddress } from './predict/build.ts'
import { type DryRun, dryRun } from './predict/dry-run.ts'
import { foretellQuestions, type NameAsked, questionsDiffer } from './predict/questions.ts'
import type { Ranges } from './predict/ranges.ts'
import { findOrigin } from './ask/find-origin.ts'
import { repeatRequest } from './send/repeat.ts'
import type { Capture } from './pcap/capture.ts'
import { type Destination, findDestination } from './ask/resolve.ts'
import { type Places, type Sender, sendWatched } from './send/send.ts'
import { measureSizes } from './send/sizes.ts'
import { parseSource } from './ask/source.ts'
import { loopback, oneMachine } from './special.ts'
import { parseTarget } from './ask/target.ts'
import { type Told, tell } from './tell/tell.ts'
import type { Trace } from './types.ts'

export interface TraceOptions {
  client: Client
  from: string
  to: string
  /** Where the sender is looked for when FROM names no namespace. Default: `default`. For TO it is the sender's own. */
  namespace?: string
  /** `cluster.local` */
  zone?: string
  /** Where every node has a name server of its own, its address. */
  nodeDns?: Address
  ranges: Ranges
  places: Places
  /** For the name, and then for the request; more than the 3 s after which the kernel gives up asking for an Ethernet address. */
  timeoutMs?: number
  /** Sends nothing, asks no machine: tells what the objects foretell. */
  dryRun?: boolean
  /** Requests to send, each from another source port: 1 (the default) to 1000. */
  count?: number
  /** Also looks for the largest packet that arrives without being cut (true), or sends one of so many bytes. */
  sizes?: boolean | number
  signal?: AbortSignal
  /** Of many requests, begins no more: those that were sent are told. */
  stop?: AbortSignal
  /** Says why it went as it did. Without it a trace has no causes but what watching itself missed. */
  explain?: Explain
  /** Gets every packet that was seen, for a file. */
  capture?: Capture
  log: Log
}

const defaultTimeout = 4000
/** What one trace sends at most (`count`). */
export const mostRequests = 1000

/** Sends one real request from a pod and tells what became of it. Throws KubehopErrors for what cannot be asked. */
export async function traceRequest(options: TraceOptions): Promise<Trace> {
  const { client, places, ranges, explain, log } = options
  // Timers and machines count in whole ones.
  const timeoutMs = Math.ceil(options.timeoutMs ?? defaultTimeout)
  const { signal = new AbortController().signal } = options
  if (options.dryRun) return dryRun(dryRunOf(options))
  const target = parseTarget(options.to)
  const wanted = parseSource(options.from)
  const objects = await look(client, options)
  const namespace = options.namespace ?? 'default'
  const outside = wanted.kind === 'outside' ? await places.outside?.() : undefined
  const source = findOrigin(objects, wanted, namespace, outside)
  const { nodeDns } = options
  const cluster = {
    ...objects,
    ...(nodeDns !== undefined && { nodeDns: { address: nodeDns, node: source.node } }),
    ...(outside && { outside: { address: outside.address } }),
  }
  const destination = findDestination(cluster, target, source, namespace)
  const agent = outside?.agent ?? places.node(source.node)
  if (!agent) {
    const say = `node ${source.node} cannot be reached, so nothing can be sent from it`
    throw new KubehopError('trace', 'send the request', 'NoAgent', say)
  }
  const { capture } = options
  if (capture) capture.cluster = cluster
  const sender: Sender = { cluster, places, source, agent, timeoutMs, signal, ...(capture && { capture }) }

  const [names, namespaces] = await Promise.all([
    lookUp(sender, destination),
    destination.kind === 'name' ? namespacesOf(client, cluster) : [],
  ])
  const questions = foretold({ cluster, ranges, source, namespaces }, destination, names)
  const known = { cluster, ranges, source, dns: names.steps, ...(questions && { questions }) }
  if (names.silent) {
    // Nobody answers questions about names: the way of the question is what there is to show.
    const question = { ...target, protocol: 'dns' as const }
    const seen = await sendWatched(sender, question, names.silent, names.question)
    return tell(
      { ...known, target: question, ...(target.protocol !== 'dns' && { nameless: true as const }), ...seen },
      explain,
    )
  }
  const server = names.steps.find(({ server: one }) => !one.startsWith('/'))?.server as Address | undefined
  const found = target.protocol === 'dns' ? (server ?? names.address) : names.address
  const address = found && oneMachine(cluster, ranges, found, target.text)
  if (address === undefined) {
    log.debug({ from: source.key, name: destination }, 'the name has no address')
    const late = names.late && { late: timeoutMs }
    return tell({ ...known, target, to: undefined, port: 0, observations: [], result: names.unsent, ...late }, explain)
  }
  const here = address.startsWith('127.') ? onLoopback(sender) : sender
  const seen = await sendWatched(here, target, { address, port: destination.port }, names.question)
  const told = { ...known, source: here.source, target, ...seen }
  const first = tell(told, explain)
  const { count = 1, sizes = false } = options
  // Who could not send once cannot send again.
  const sent = seen.result.kind === 'sent'
  const many =
    sent && count > 1 ? await repeatRequest(here, told, first, names.question, count, options.stop) : undefined
  const measured = sent && sizes !== false ? await measureSizes(here, told, first, sizes) : undefined
  // What was measured may say why, too.
  const trace = measured ? tell({ ...told, sizes: measured }, explain) : first
  return {
    ...trace,
    ...(many && { repeats: many.repeats, why: [...trace.why, ...many.blind] }),
    ...(measured && { sizes: measured }),
  }
}

/** What was to be asked for a name, and where that is not what was asked. */
function foretold(
  around: Pick<NameAsked, 'cluster' | 'ranges' | 'source' | 'namespaces'>,
  destination: Destination,
  { steps, by }: LookedUp,
): Told['questions'] {
  if (destination.kind !== 'name' || !by) return undefined
  const { files, port, states, cut } = by
  const all = foretellQuestions({ ...around, files, port, states, name: destination.name, seen: steps })
  const differs = questionsDiffer(all, steps, cut)
  return { all, ...(differs !== undefined && { differs }) }
}

/** Those in use, where the list may not be read. */
async function namespacesOf(client: Client, { pods, services }: Cluster): Promise<string[]> {
  try {
    return (await client.list('Namespace')).items.map(({ metadata }) => metadata.name)
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 403) throw error
    return [...new Set([...pods, ...services].map(({ metadata }) => metadata.namespace ?? 'default'))]
  }
}

/** A cluster of Kubehop's own, whose network is known. */
function dryRunOf({ client, from, to, namespace, zone, ranges, places, nodeDns, explain }: TraceOptions): DryRun {
  const { router } = places
  const own = {
    ranges,
    ...(router && { router: { name: router.name, address: router.address } }),
    ...(nodeDns !== undefined && { nodeDns }),
    ...(places.outside && { outside: { address: outsideAddress } }),
  }
  return {
    client,
    from,
    to,
    own,
    ...(explain && { explain }),
    ...(namespace !== undefined && { namespace }),
    ...(zone !== undefined && { zone }),
  }
}

/** What a kernel sends to itself there, it sends from there. */
function onLoopback(sender: Sender): Sender {
  return { ...sender, source: { ...sender.source, address: loopback } }
}

/** One look at everything that gives addresses their names. */
export async function look(
  client: Client,
  { zone = 'cluster.local', places: { router, lab } }: TraceOptions,
): Promise<Cluster> {
  const [pods, services, slices, nodes, deployments, replicaSets] = await Promise.all([
    client.list('Pod'),
    client.list('Service'),
    client.list('EndpointSlice'),
    client.list('Node'),
    client.list('Deployment'),
    client.list('ReplicaSet'),
  ])
  return {
    pods: pods.items,
    services: services.items,
    slices: slices.items,
    nodes: nodes.items,
    deployments: deployments.items,
    replicaSets: replicaSets.items,
    zone,
    ...(lab !== undefined && { lab }),
    ...(router && { router: { name: router.name, address: router.address } }),
  }
}
