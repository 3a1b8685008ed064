import { type Address, hostPort } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import { nodeAddresses, nodeOfRange, ownerOf, podKey } from '../cluster.ts'
import { transportOf } from '../target.ts'
import type { Hop, PredictedEndpoint } from '../types.ts'
import type { Machine } from './machine.ts'
import { protocolNumbers } from './path.ts'
import type { Asked, Prediction } from './predict.ts'
import { type Dice, meet } from './rules.ts'
import { nameOf, podName } from './say.ts'
import { Telling } from './telling.ts'

/**
 * In a cluster whose network is another's: what services, endpoint slices and policies decide is foretold, as Kubernetes defines it. How
 * a packet gets from machine to machine is that network's own business, and is said to be.
 */
export function predictAbroad(asked: Asked): Prediction {
  const { cluster, ranges, source, to, protocol, port } = asked
  const speaker = { cluster, ranges, source: source.key }
  const number = protocolNumbers[transportOf(protocol)]
  const sent: Packet = {
    source: source.address,
    sourcePort: port,
    destination: to.address,
    destinationPort: to.port,
    protocol: number,
  }
  const sender = machine(asked, source.kind === 'pod' ? 'pod' : 'node', source.node, source.key)
  const node = machine(asked, 'node', source.node, source.node)
  const decide = (slot: number): ReturnType<typeof meet> => {
    const dice: Dice = { slot }
    return meet(speaker, node, source.kind === 'pod' ? 'prerouting' : 'output', sent, dice)
  }
  const path = new Telling(speaker, false)
  path.sent(sender, 'eth0', sent)
  const met = decide(0)
  const refused = met.fate !== 'accept' && isServed(asked)
  if (refused) {
    path.refused(node, sent, met.fate === 'drop' ? 'drop' : 'tcp reset', met.by)
    return ended(path, [met.fate === 'drop' ? 'dropped' : 'rejected'])
  }
  const packet = met.fate === 'accept' ? met.packet : sent
  path.translated(node, '', sent, packet, met.by, met.of)
  const endpoints =
    met.of > 1 ? Array.from({ length: Math.min(met.of, 100) }, (_, slot) => endpoint(asked, decide(slot).packet)) : []
  const owner = ownerOf(cluster, packet.destination)
  const target = owner.kind === 'pod' ? owner.pod : undefined
  const there =
    target?.spec.nodeName ??
    (owner.kind === 'node' ? owner.node.metadata.name : nodeOfRange(cluster, packet.destination)?.node.metadata.name)
  path.add(node, '', packet, {
    component: 'route',
    action: 'forwarded',
    say:
      there === undefined
        ? `how ${source.node} reaches ${nameOf(speaker, packet.destination) ?? packet.destination} is its own routes’ business: no object says it`
        : there === source.node
          ? `how ${there} hands it over is this cluster’s network plugin’s business`
          : `how ${source.node} reaches ${there} is this cluster’s network plugin’s business`,
    because: { kind: 'object', text: there === undefined ? 'no object has this address' : `node ${there}` },
  })
  if (!target) return { ...ended(path, ['no-answer', 'delivered', 'refused', 'unreachable']), endpoints }
  const pod = machine(asked, 'pod', there ?? '', podKey(target))
  const known = ready(target)
  path.add(pod, 'eth0', packet, {
    component: 'app',
    action: 'delivered',
    say: `arrives at port ${packet.destinationPort} of ${podName(source.key, podKey(target))}${known ? '' : ', which is not ready'}; whether a program listens there, no object says`,
    because: { kind: 'object', text: `pod ${podKey(target)}: podIP ${packet.destination}` },
  })
  return {
    ...ended(path, ['delivered', 'refused', 'no-answer']),
    reply: replyOf(asked, sent, packet, pod, node, sender),
    endpoints,
  }
}

function replyOf(asked: Asked, sent: Packet, arrived: Packet, pod: Machine, node: Machine, sender: Machine): Hop[] {
  const { cluster, ranges, source } = asked
  const back = new Telling({ cluster, ranges, source: source.key }, true)
  const turn = (one: Packet): Packet => ({
    ...one,
    source: one.destination,
    sourcePort: one.destinationPort,
    destination: one.source,
    destinationPort: one.sourcePort,
  })
  const because = { kind: 'object', text: `pod ${pod.place.name}` } as const
  back.add(pod, 'eth0', turn(arrived), { component: 'app', action: 'answered', say: 'the answer leaves', because })
  back.translated(node, '', turn(arrived), turn(sent), undefined, 1)
  back.add(sender, 'eth0', turn(sent), {
    component: sender.place.kind === 'pod' ? 'pod' : 'route',
    action: 'delivered',
    say: `${podName(source.key, source.key)} has its answer, from ${hostPort(sent.destination, sent.destinationPort)}, whom it asked`,
    because: { kind: 'object', text: `${sender.place.kind} ${sender.place.name}` },
  })
  return [...back.hops]
}

function ended(path: Telling, verdicts: Prediction['verdicts']): Prediction {
  return { hops: path.hops, reply: [], verdicts, mayStaySilent: true, endpoints: [] }
}

/** An address of the service range that no service has is dropped here; elsewhere nobody promises that. */
function isServed({ cluster, to }: Asked): boolean {
  const owner = ownerOf(cluster, to.address)
  return owner.kind === 'service' || owner.kind === 'node'
}

function endpoint({ cluster }: Asked, { destination, destinationPort }: Packet): PredictedEndpoint {
  const owner = ownerOf(cluster, destination)
  const address = hostPort(destination, destinationPort)
  if (owner.kind !== 'pod') return { address }
  const { nodeName } = owner.pod.spec
  return { address, pod: podKey(owner.pod), ...(nodeName !== undefined && { node: nodeName }) }
}

function machine({ cluster }: Asked, kind: 'pod' | 'node', node: string, name: string): Machine {
  const own = cluster.nodes.find(({ metadata }) => metadata.name === node)
  const addresses: Address[] = kind === 'node' && own ? nodeAddresses(own) : []
  return {
    place: { kind, node, name },
    devices: [],
    addresses: addresses.map((address) => ({ address, device: '' })),
    routes: [],
    forwards: true,
    filtersBridged: true,
    serves: true,
    tables: [],
    known: 'objects',
  }
}

function ready({ status }: { status?: { conditions?: readonly { type: string; status: string }[] } }): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false
}
