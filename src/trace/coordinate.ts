import { randomBytes, randomInt } from 'node:crypto'
import type { Client } from '../api/client/client.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Address } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Agent } from './agent.ts'
import { type Cluster, nodeOfRange, ownerOf, podKey, readyEndpoints, slicesOf } from './cluster.ts'
import type { Observation } from './observation.ts'
import type { ProbeResult } from './probe/spec.ts'
import { type Destination, findDestination, findSource, type RunningPod } from './resolve.ts'
import type { Ranges } from './predict.ts'
import { parseSource, parseTarget, type Target } from './target.ts'
import { tell } from './tell/tell.ts'
import type { DnsStep, Trace } from './types.ts'
import { watchAll } from './watching.ts'

export interface TraceOptions {
  client: Client
  from: string
  to: string
  /** Where names without a namespace are looked for. Default: `default`; for TO, the sender's own. */
  namespace?: string
  /** `cluster.local` */
  zone?: string
  /** All pods, and all services: what the service rules are made for. */
  ranges: Ranges
  places: {
    node(name: string): Agent | undefined
    router?: { name: string; address: Address; agent: Agent }
  }
  /** For the name, and then for the request; more than the 3 s after which the kernel gives up asking for an Ethernet address. */
  timeoutMs?: number
  signal?: AbortSignal
  log: Log
}

const defaultTimeout = 4000
/** Nodes that are watched at once: where the endpoints of a service are. */
const mostNodes = 32
/** How often another source port is tried when the chosen one is taken in the pod. */
const mostPorts = 5

/** Sends one real request from a pod and tells what became of it. Throws KubehopErrors for what cannot be asked. */
export async function traceRequest(options: TraceOptions): Promise<Trace> {
  const { client, places, timeoutMs = defaultTimeout, signal = new AbortController().signal } = options
  const target = parseTarget(options.to)
  const wanted = parseSource(options.from)
  const cluster = await look(client, options)
  const source = findSource(cluster, wanted, options.namespace ?? 'default')
  const namespace = source.pod.metadata.namespace ?? 'default'
  const destination = findDestination(cluster, target, namespace)
  const agent = places.node(source.node)
  if (!agent)
    throw new KubehopError(
      'trace',
      'watch',
      'NoAgent',
      `node ${source.node} cannot be reached, so nothing can be sent from it`,
    )

  const names = await resolve(agent, source, target, destination, timeoutMs, signal)
  const known = { cluster, ranges: options.ranges, target, source, dns: names.steps }
  if (!names.to) return tell({ ...known, to: undefined, observations: [], result: undefined, port: 0 })

  for (let attempt = 0; attempt < mostPorts; attempt++) {
    const port = randomInt(32768, 60999)
    const { observations, result } = await watched(options, agent, {
      cluster,
      source,
      target,
      to: names.to,
      port,
      question: names.question,
      timeoutMs,
      signal,
    })
    if (result.kind !== 'port-taken') return tell({ ...known, to: names.to, observations, result, port })
  }
  throw new KubehopError(
    'trace',
    'send the request',
    'PortTaken',
    `pod ${source.key} has no free port among ${mostPorts} that were tried`,
  )
}

interface Plan {
  cluster: Cluster
  source: RunningPod
  target: Target
  to: { address: Address; port: number }
  port: number
  /** dns:// asks again what had an answer, or what was asked last. */
  question: string
  timeoutMs: number
  signal: AbortSignal
}

/** Watchers first, then the request, then everything that they saw. */
async function watched(
  options: TraceOptions,
  agent: Agent,
  plan: Plan,
): Promise<{ observations: Observation[]; result: ProbeResult }> {
  const { source, target, to, port, timeoutMs, signal } = plan
  const protocol = target.protocol === 'udp' || target.protocol === 'dns' ? 'udp' : 'tcp'
  const { pods, addresses } = concerned(plan)
  const owner = ownerOf(plan.cluster, to.address)
  const byNode = Map.groupBy(pods, (pod) => pod.spec.nodeName ?? '')
  // An address that no pod has (any more) is followed to the node that it would be on.
  const node = owner.kind === 'node' ? owner.node : nodeOfRange(plan.cluster, to.address)?.node
  if (node && !byNode.has(node.metadata.name)) byNode.set(node.metadata.name, [])
  const base = {
    id: randomBytes(4).toString('hex'),
    protocol,
    port,
    addresses,
    seconds: timeoutMs / 1000 + 10,
  } as const
  const watchers = [...byNode].slice(0, mostNodes).flatMap(([node, here]) => {
    const one = options.places.node(node)
    return one ? [{ agent: one, spec: { ...base, pods: here.map(podKey).slice(0, 64) } }] : []
  })
  if (options.places.router) watchers.push({ agent: options.places.router.agent, spec: { ...base, pods: [] } })
  const watching = watchAll(watchers)
  try {
    await watching.ready
    const common = { pod: source.key, timeoutMs, from: { address: source.address, port }, to }
    const name = plan.question
    const result = await agent.probe(
      target.protocol === 'http' || target.protocol === 'https'
        ? { ...common, kind: target.protocol, host: hostHeader(target, to), path: target.path }
        : target.protocol === 'dns'
          ? { ...common, kind: 'dns', name }
          : { ...common, kind: target.protocol },
      signal,
    )
    return { observations: await watching.finish(), result }
  } finally {
    watching.abandon()
  }
}

/** The pods in which the request may show up, and the addresses that it may have. */
function concerned({ cluster, source, to }: Plan): { pods: Pod[]; addresses: Address[] } {
  const owner = ownerOf(cluster, to.address)
  const addresses = [source.address, to.address]
  const pods = [source.pod]
  if (owner.kind === 'pod') pods.push(owner.pod)
  if (owner.kind === 'service') {
    const { service } = owner
    const names = new Set(slicesOf(cluster, service).flatMap((slice) => (slice.ports ?? []).map(({ name }) => name)))
    for (const name of names) for (const { address } of readyEndpoints(cluster, service, name)) addresses.push(address)
    for (const address of addresses.slice(2)) {
      const behind = ownerOf(cluster, address)
      if (behind.kind === 'pod') pods.push(behind.pod)
    }
  }
  return { pods: [...new Set(pods)], addresses: [...new Set(addresses)].slice(0, 4096) }
}

/** The address to send to, by the name's answers or by itself. */
async function resolve(
  agent: Agent,
  source: RunningPod,
  target: Target,
  destination: Destination,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ steps: readonly DnsStep[]; question: string; to: { address: Address; port: number } | undefined }> {
  if (destination.kind === 'address')
    return { steps: [], question: '', to: { address: destination.address, port: destination.port } }
  const result = await agent.probe({ kind: 'resolve', pod: source.key, name: destination.name, timeoutMs }, signal)
  if (result.kind !== 'resolved') throw new Error('trace: a name was asked for and something was sent')
  const address = target.protocol === 'dns' ? serverOf(result.steps) : result.addresses[0]
  return {
    steps: result.steps,
    question: result.name ?? result.steps.at(-1)?.question ?? destination.name,
    to: address === undefined ? undefined : { address, port: destination.port },
  }
}

/** dns://NAME follows a question to the server that the pod asks. */
function serverOf(steps: readonly DnsStep[]): Address | undefined {
  const server = steps.find(({ server: one }) => !one.startsWith('/'))?.server
  return server as Address | undefined
}

function hostHeader(target: Target, to: { address: Address; port: number }): string {
  const host =
    target.host.kind === 'name'
      ? target.host.name.replace(/\.$/, '')
      : to.address.includes(':')
        ? `[${to.address}]`
        : to.address
  const usual = target.protocol === 'https' ? 443 : 80
  return to.port === usual ? host : `${host}:${to.port}`
}

/** One look at everything that gives addresses their names. */
async function look(client: Client, options: TraceOptions): Promise<Cluster> {
  const [pods, services, slices, nodes, deployments, replicaSets] = await Promise.all([
    client.list('Pod'),
    client.list('Service'),
    client.list('EndpointSlice'),
    client.list('Node'),
    client.list('Deployment'),
    client.list('ReplicaSet'),
  ])
  const { router } = options.places
  return {
    pods: pods.items,
    services: services.items,
    slices: slices.items,
    nodes: nodes.items,
    deployments: deployments.items,
    replicaSets: replicaSets.items,
    zone: options.zone ?? 'cluster.local',
    ...(router && { router: { name: router.name, address: router.address } }),
  }
}
