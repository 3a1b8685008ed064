import type { Address } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import { nodeAddresses, nodeOfRange, ownerOf, podKey } from '../cluster/cluster.ts'
import { nameOf, shortName } from '../cluster/names.ts'
import type { Hop, Verdict } from '../types.ts'
import { declaresOther } from './answer.ts'
import type { Machine } from './machine.ts'
import { endsOfPacket, protocolNumbers } from './path.ts'
import { type Asked, endpointOf, mostEndpoints, type Prediction, requestOf, sayListens } from './predict.ts'
import { declaredPorts } from './promised.ts'
import { meet, type Met } from './rules.ts'
import type { Speaker } from './say.ts'
import { Telling } from './telling.ts'

/**
 * In a cluster whose network is another's: what services, endpoint slices and their policies decide is foretold, as Kubernetes defines
 * it. How a packet gets from machine to machine is that network's own business, and is said to be.
 */
export function predictAbroad(asked: Asked): Prediction {
  const { cluster, ranges, source, to } = asked
  const speaker: Speaker = { cluster, ranges, source: source.key }
  const sent = requestOf(asked)
  const hasPorts = sent.protocol !== protocolNumbers.icmp
  const sender = machineOf(asked, source.kind === 'pod' ? 'pod' : 'node', source.node, source.key)
  const path = new Telling(speaker, false)
  path.sent(sender, 'eth0', sent)
  // The sender's node decides; for a port of another node, that one does.
  const asks = ownerOf(cluster, to.address)
  const at = asks.kind === 'node' ? asks.node.metadata.name : source.node
  if (at !== source.node) onward(path, speaker, machineOf(asked, 'node', source.node), sent, at)
  const node = machineOf(asked, 'node', at)
  const hook = source.kind === 'pod' || at !== source.node ? 'prerouting' : 'output'
  const decide = (slot: number): Met => meet(speaker, node, hook, sent, { slot })
  // What no service has, or is none of its ports' protocols, other proxies leave alone.
  const serves = hasPorts && (asks.kind === 'service' || asks.kind === 'node')
  const met: Met = serves ? decide(0) : { fate: 'accept', packet: sent, of: 1, masquerade: false }
  if (met.fate !== 'accept') {
    const how = met.fate === 'drop' ? 'drop' : met.fate.reject
    path.refused(node, sent, how, met.by)
    return how === 'drop'
      ? ended(path, ['dropped'])
      : { ...ended(path, ['rejected']), reply: [got(speaker, sender, turned(sent), `is told no, by ${at}`)] }
  }
  const { packet } = met
  path.translated(node, '', sent, packet, met.by, met.of)
  const endpoints =
    met.of > 1
      ? Array.from({ length: Math.min(met.of, mostEndpoints) }, (_, slot) => endpointOf(cluster, decide(slot)))
      : []
  const owner = ownerOf(cluster, packet.destination)
  const range = nodeOfRange(cluster, packet.destination)
  const known = owner.kind === 'pod' ? owner.pod.spec.nodeName : range?.node.metadata.name
  const there = owner.kind === 'node' ? owner.node.metadata.name : known
  if (owner.kind !== 'node' || there !== at) onward(path, speaker, node, packet, there)
  if (owner.kind !== 'pod') {
    // A ready endpoint, or a node, is there, if anything is; of other addresses nothing is known.
    const exists = packet !== sent || owner.kind === 'node'
    const verdicts: Verdict[] = ['delivered', 'refused', 'unreachable', 'no-answer']
    return { ...ended(path, exists ? verdicts : verdicts.toReversed()), endpoints }
  }
  const pod = { ...machineOf(asked, 'pod', there ?? '', podKey(owner.pod)), declares: declaredPorts(owner.pod) }
  path.add(pod, 'eth0', packet, {
    component: 'app',
    action: 'delivered',
    say: sayListens(pod, packet, undefined),
    because: { kind: 'object', text: `pod ${podKey(owner.pod)}: podIP ${packet.destination}` },
  })
  const verdicts: Verdict[] = ['delivered', 'refused', 'no-answer']
  if (declaresOther(pod, packet)) verdicts.unshift('refused')
  return { ...ended(path, [...new Set(verdicts)]), reply: replyOf(speaker, sent, packet, pod, node, sender), endpoints }
}

function onward(path: Telling, speaker: Speaker, node: Machine, packet: Packet, there: string | undefined): void {
  const here = node.place.name
  const what =
    there === undefined
      ? `${nameOf(speaker, packet.destination) ?? packet.destination} is its own routes’ business: no object says it`
      : `${there} is this cluster’s network plugin’s business`
  path.add(node, '', packet, {
    component: 'route',
    action: 'forwarded',
    say:
      there === here
        ? `how ${here} hands it over is this cluster’s network plugin’s business`
        : `how ${here} reaches ${what}`,
    because: { kind: 'object', text: there === undefined ? 'no node is known to have this address' : `node ${there}` },
  })
}

function replyOf(speaker: Speaker, sent: Packet, arrived: Packet, pod: Machine, node: Machine, sender: Machine): Hop[] {
  const back = new Telling(speaker, true)
  const because = { kind: 'object', text: `pod ${pod.place.name}` } as const
  back.add(pod, 'eth0', turned(arrived), { component: 'app', action: 'answered', say: 'the answer leaves', because })
  back.translated(node, '', turned(arrived), turned(sent), undefined, 1)
  return [
    ...back.hops,
    got(speaker, sender, turned(sent), `has its answer, from ${endsOfPacket(sent).dst}, whom it asked`),
  ]
}

function got({ source, ...speaker }: Speaker, sender: Machine, packet: Packet, say: string): Hop {
  const path = new Telling({ ...speaker, source }, true)
  const { kind, name } = sender.place
  path.add(sender, 'eth0', packet, {
    component: kind === 'pod' ? 'pod' : 'route',
    action: 'delivered',
    say: `${shortName(source)} ${say}`,
    because: { kind: 'object', text: `${kind} ${name}` },
  })
  return path.hops[0] as Hop
}

function turned({ source, sourcePort, destination, destinationPort, ...rest }: Packet): Packet {
  return { ...rest, source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort }
}

function ended(path: Telling, verdicts: Prediction['verdicts']): Prediction {
  return { hops: path.hops, reply: [], verdicts, mayStaySilent: true, endpoints: [] }
}

function machineOf({ cluster }: Asked, kind: 'pod' | 'node', node: string, name: string = node): Machine {
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
