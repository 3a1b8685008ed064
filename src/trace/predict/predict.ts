import { type Address, hostPort } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import { type Cluster, ownerOf, podKey } from '../cluster/cluster.ts'
import type { Origin } from '../origin.ts'
import type { Hop, PredictedEndpoint, Protocol, Verdict } from '../types.ts'
import { transportOf } from '../ask/target.ts'
import { answerTo, declaresOther, isFull, listensAt } from './answer.ts'
import { topologyOf } from './build.ts'
import type { Carriage, Carried } from './carriage.ts'
import { carry } from './carry.ts'
import { requestHeader } from './header.ts'
import type { Machine, MachineState } from './machine.ts'
import { endsOfPacket, Path, protocolNumbers } from './path.ts'
import type { Ranges } from './ranges.ts'
import { machineAt } from './topology.ts'
import { Tracked } from './track.ts'

export interface Asked {
  readonly cluster: Cluster
  readonly ranges: Ranges
  /** What kernels said before the request was sent; what is not among them is as the objects promise. */
  readonly states: readonly MachineState[]
  readonly source: Origin
  readonly to: { readonly address: Address; readonly port: number }
  readonly protocol: Protocol
  /** The source port. */
  readonly port: number
  /** Which endpoint is drawn is the dice's business: the prediction takes the one that was, as `address:port`. */
  readonly drawn?: string
}

export interface Prediction {
  readonly hops: readonly Hop[]
  readonly reply: readonly Hop[]
  /** The way of what may come in its place: a datagram from another of the machine's addresses, an ICMP error. */
  readonly otherReply?: readonly Hop[]
  /** What may become of the request: the first is promised, the others cannot be excluded from what is known. */
  readonly verdicts: readonly Verdict[]
  /** Nothing may come back, and all is well: a program need not answer a datagram. */
  readonly mayStaySilent: boolean
  /** What a draw among several could give. */
  readonly endpoints: readonly PredictedEndpoint[]
}

/** What is sent first. */
export function requestOf({ source, to, protocol, port }: Asked): Packet {
  const number = protocolNumbers[transportOf(protocol)]
  const hasPorts = number !== protocolNumbers.icmp
  return {
    source: source.address,
    sourcePort: hasPorts ? port : 0,
    destination: to.address,
    destinationPort: hasPorts ? to.port : 0,
    protocol: number,
    ...requestHeader(number),
  }
}

/** The way there and back that objects, and what kernels said of themselves, foretell. Pure. */
export function predict(asked: Asked): Prediction {
  const { cluster, ranges, source, protocol } = asked
  const topology = topologyOf(cluster, ranges, asked.states, source)
  const origin = machineAt(topology, source.kind, source.key)
  if (!origin) return { hops: [], reply: [], verdicts: [], mayStaySilent: true, endpoints: [] }
  const sent = requestOf(asked)
  const speaker = { cluster, ranges, source: source.key, made: new Map() }
  const draw = (slot: number): { carriage: Carriage; there: Carried } => {
    const dice = { slot, ...(asked.drawn !== undefined && { prefer: asked.drawn }) }
    const carriage = { topology, speaker, dice, tracked: new Tracked(), back: false }
    return { carriage, there: carry(carriage, origin, sent) }
  }
  const { carriage, there } = draw(0)
  const { reply, other, verdicts } = answerTo(carriage, origin, sent, there, protocol)
  const endpoints =
    asked.drawn === undefined && there.of > 1
      ? Array.from({ length: Math.min(there.of, mostEndpoints) }, (_, slot) => endpointOf(cluster, draw(slot).there))
      : []
  const isDatagram = sent.protocol === protocolNumbers.udp
  const mayStaySilent = there.end.is === 'arrived' && (isDatagram || verdicts.length > 1)
  return {
    hops: [...there.hops, ...arrival(there)],
    reply,
    ...(other && { otherReply: other }),
    verdicts,
    mayStaySilent,
    endpoints,
  }
}

/** A service of thousands is not drawn thousands of times. */
export const mostEndpoints = 100

export function endpointOf(cluster: Cluster, { packet }: Pick<Carried, 'packet'>): PredictedEndpoint {
  const address = hostPort(packet.destination, packet.destinationPort)
  const owner = ownerOf(cluster, packet.destination)
  if (owner.kind !== 'pod') return { address }
  const { nodeName } = owner.pod.spec
  return { address, pod: podKey(owner.pod), ...(nodeName !== undefined && { node: nodeName }) }
}

/** In the pod that it is for. */
function arrival({ end, machine, packet }: Carried): Hop[] {
  if (end.is !== 'arrived' || machine.place.kind !== 'pod') return []
  const path = new Path()
  const listens = listensAt(machine, packet)
  path.add(machine, isLoop(machine, packet) ? 'lo' : 'eth0', packet, {
    // Echoes the kernel answers, no program.
    component: listens === false || packet.protocol === protocolNumbers.icmp ? 'pod' : 'app',
    action: listens === false ? 'rejected' : 'delivered',
    say: sayListens(machine, packet, listens),
    because:
      listens === undefined
        ? { kind: 'object', text: `pod ${machine.place.name}` }
        : { kind: 'socket', text: `${listens ? 'a' : 'no'} socket waits for ${endsOfPacket(packet).dst}` },
  })
  return path.hops
}

/** What is known of the program behind a port of a pod. */
export function sayListens(machine: Machine, packet: Packet, listens: boolean | undefined): string {
  const { protocol, destinationPort: port } = packet
  if (protocol === protocolNumbers.icmp) return 'arrives; the pod’s kernel answers echoes'
  if (listens === undefined) {
    const declared = (machine.declares ?? []).map((one) => `${one.port}/${one.protocol.toUpperCase()}`).join(', ')
    const hint = declaresOther(machine, packet) ? ` (its containers declare ${declared})` : ''
    return `arrives at port ${port}; whether a program listens there, no object says${hint}`
  }
  if (isFull(machine, packet))
    return `port ${port}: a program listens, and takes no connection that waits: its queue is full, and the kernel throws away what would begin another`
  return listens ? `port ${port}: a program listens` : `arrives, but nobody listens on port ${port}`
}

function isLoop({ addresses }: Machine, { source }: Packet): boolean {
  return source.startsWith('127.') || addresses.some(({ address }) => address === source)
}
