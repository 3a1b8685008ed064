import { randomBytes, randomInt } from 'node:crypto'
import type { Pod } from '../api/objects/pod.ts'
import type { Address } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Agent } from './agent.ts'
import { type Cluster, nodeOfRange, ownerOf, podKey, readyEndpoints, serviceAt, slicesOf } from './cluster.ts'
import type { Observation } from './observation.ts'
import { atOf, type Origin } from './origin.ts'
import type { ProbeResult, ProbeSpec } from './probe/spec.ts'
import { hostHeader, type Target, transportOf } from './target.ts'
import { watchAll, type Watcher } from './watching.ts'

/** Where watchers can stand. */
export interface Places {
  node(name: string): Agent | undefined
  router?: { name: string; address: Address; agent: Agent }
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
}

export interface Sent {
  readonly to: { readonly address: Address; readonly port: number }
  /** The source port. */
  readonly port: number
  readonly observations: readonly Observation[]
  readonly result: ProbeResult
}

/** Nodes that are watched at once: where the endpoints of a service are. */
const mostNodes = 32
const mostPods = 64
const mostAddresses = 4096
/** How often another source port is tried when the chosen one is taken in the pod. */
const mostPorts = 5
/** How long a machine may take to set up its watchers, or to tell what they saw. */
const patienceMs = 3000

/** Watchers on every machine concerned, then the request, then everything that they saw. `question`: what a DNS request asks. */
export async function sendWatched(sender: Sender, target: Target, to: Sent['to'], question: string): Promise<Sent> {
  const { pods, addresses } = concerned(sender, to, transportOf(target.protocol))
  const nodes = Map.groupBy(pods, (pod) => pod.spec.nodeName ?? '')
  // An address that no pod has (any more) is followed to the node that it would be on.
  const owner = ownerOf(sender.cluster, to.address)
  const node = owner.kind === 'node' ? owner.node : nodeOfRange(sender.cluster, to.address)?.node
  if (node && !nodes.has(node.metadata.name)) nodes.set(node.metadata.name, [])
  return withFreePort(sender, async (port) => {
    const base = {
      id: randomBytes(4).toString('hex'),
      protocol: transportOf(target.protocol),
      port,
      addresses,
      seconds: sender.timeoutMs / 1000 + 10,
    }
    const watchers = [...nodes].slice(0, mostNodes).flatMap(([name, here]): Watcher[] => {
      const agent = sender.places.node(name)
      return agent ? [{ node: name, agent, spec: { ...base, pods: here.map(podKey).slice(0, mostPods) } }] : []
    })
    const { router } = sender.places
    if (router) watchers.push({ node: router.name, agent: router.agent, spec: { ...base, pods: [] } })
    const { observations, result } = await watched(watchers, sender, requestOf(sender, target, to, port, question))
    return { to, port, observations, result }
  })
}

/** The request between the moment when all watchers stand and the one when they are asked for what they saw. */
export async function watched(
  watchers: readonly Watcher[],
  { agent, signal }: Sender,
  request: ProbeSpec,
): Promise<{ observations: Observation[]; result: ProbeResult }> {
  const watching = watchAll(watchers, patienceMs)
  try {
    await watching.ready
    const result = await agent.probe(request, signal)
    return { observations: await watching.finish(), result }
  } finally {
    watching.abandon()
  }
}

/** The source port is chosen here, because watchers must know it before anything is sent. */
export async function withFreePort<T extends { readonly result: ProbeResult }>(
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

function requestOf(
  { source, timeoutMs }: Sender,
  target: Target,
  to: Sent['to'],
  port: number,
  question: string,
): ProbeSpec {
  const common = { at: atOf(source), timeoutMs, from: { address: source.address, port }, to }
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

/** The pods in which the request may show up, and the addresses that it may have. */
function concerned(
  { cluster, source }: Sender,
  to: Sent['to'],
  protocol: string,
): { pods: Pod[]; addresses: Address[] } {
  const owner = ownerOf(cluster, to.address)
  const addresses = new Set([source.address, to.address])
  const pods = new Set(source.kind === 'pod' && source.pod ? [source.pod] : [])
  if (owner.kind === 'pod') pods.add(owner.pod)
  const service = owner.kind === 'service' ? owner.service : serviceAt(cluster, to.address, to.port, protocol)?.service
  if (service) {
    const ports = new Set(slicesOf(cluster, service).flatMap((slice) => (slice.ports ?? []).map(({ name }) => name)))
    for (const { address } of [...ports].flatMap((name) => readyEndpoints(cluster, service, name))) {
      addresses.add(address)
      const behind = ownerOf(cluster, address)
      if (behind.kind === 'pod') pods.add(behind.pod)
    }
  }
  return { pods: [...pods], addresses: [...addresses].slice(0, mostAddresses) }
}
