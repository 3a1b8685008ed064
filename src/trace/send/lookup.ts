import { randomBytes } from 'node:crypto'
import type { Address } from '../../base/address.ts'
import { ownerOf, podKey } from '../cluster/cluster.ts'
import { readSightings } from '../flow/flow.ts'
import type { Observation } from '../observation.ts'
import { atOf } from '../origin.ts'
import type { Destination } from '../ask/resolve.ts'
import type { MachineState } from '../predict/machine.ts'
import type { NameFiles } from '../probe/spec.ts'
import { type Sender, type Unsent, watched, withFreePort } from './send.ts'
import { type DnsStep, unanswered } from '../types.ts'

export interface LookedUp {
  readonly steps: readonly DnsStep[]
  /** What had an answer, or was asked last. */
  readonly question: string
  readonly address?: Address
  /** Nothing could be asked. */
  readonly unsent?: Unsent
  /** The server, when no server answered anything. */
  readonly silent?: { readonly address: Address; readonly port: number }
  /** What the look-up rests on: for its prediction. */
  readonly by?: {
    readonly files: NameFiles
    readonly port: number
    readonly states: readonly MachineState[]
    /** The time was over before everything was asked. */
    readonly cut: boolean
  }
  /** Not all questions had an answer in time: that the name has no address, nobody said. */
  readonly late?: true
}

/**
 * The address of a destination, by the questions that a program in the pod would ask. All of them leave by one port, so that the
 * sender's node can be watched for who answers.
 */
export async function lookUp(sender: Sender, destination: Destination): Promise<LookedUp> {
  if (destination.kind === 'address') return { steps: [], question: '', address: destination.address }
  const { agent, source, timeoutMs } = sender
  const { name } = destination
  const { observations, result, port } = await withFreePort(sender, async (port) => {
    const id = randomBytes(4).toString('hex')
    const spec = {
      id,
      protocol: 'udp',
      port,
      addresses: [source.address],
      pods: [],
      seconds: timeoutMs / 1000 + 10,
    } as const
    const request = {
      kind: 'resolve',
      at: atOf(source),
      ...(source.pod && { filesOf: podKey(source.pod) }),
      name,
      port,
      timeoutMs,
    } as const
    return { port, ...(await watched([{ node: source.node, agent, spec }], sender, request)) }
  })
  if (result.kind === 'unsent') return { steps: [], question: name, unsent: result }
  if (result.kind !== 'resolved') throw new Error('trace: a name was asked for and something was sent')
  const pod = answeredBy(sender, observations, port)
  const { nodeDns } = sender.cluster
  const steps = result.steps.map((step) => {
    const by = step.server === nodeDns?.address ? `${nodeDns.node}’s own` : pod
    return by === undefined || unanswered(step) || step.server === '/etc/hosts' ? step : { ...step, by }
  })
  const [address] = result.addresses
  const silent = steps.length > 0 && steps.every(unanswered)
  const last = steps.at(-1)
  const late = address === undefined && !silent && (result.outOfTime || (last !== undefined && unanswered(last)))
  const server = steps.find(({ server: one }) => one !== '/etc/hosts')?.server as Address | undefined
  return {
    steps,
    by: {
      files: result.files,
      port,
      states: observations.flatMap((one) => (one.kind === 'state' ? [one.state] : [])),
      cut: result.outOfTime === true,
    },
    question: result.name ?? steps.at(-1)?.question ?? name,
    ...(address !== undefined && { address }),
    ...(server !== undefined && silent && { silent: { address: server, port: 53 } }),
    ...(late && { late }),
  }
}

/** The pod that the node translated the questions to. */
function answeredBy(
  { cluster, source }: Sender,
  observations: readonly Observation[],
  port: number,
): string | undefined {
  const sightings = readSightings(observations.filter((one) => one.kind === 'packet'))
  for (const { frame } of sightings.reverse()) {
    const { ip } = frame
    if (ip?.source !== source.address || ip.transport?.kind !== 'udp' || ip.transport.sourcePort !== port) continue
    const owner = ownerOf(cluster, ip.destination)
    if (owner.kind === 'pod') return `${podKey(owner.pod)}, ${owner.pod.spec.nodeName}`
  }
  return undefined
}
