import { addressBytes } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import type { Hop, Protocol, Verdict } from '../types.ts'
import type { Carriage, Carried, End } from './carriage.ts'
import { bounce, carry } from './carry.ts'
import { answerHeader, codeOf, errorHeader, timeExceeded, unreachable } from './header.ts'
import { isLocal, isStranger, type Machine, type MachineListener, routeTo, sourceFor } from './machine.ts'
import { endsOfPacket, Path, protocolNumbers } from './path.ts'

export interface Answered {
  readonly reply: readonly Hop[]
  /** The way of what may come in its place. */
  readonly other?: readonly Hop[]
  /** What may become of the request: the first is what the objects promise. */
  readonly verdicts: readonly Verdict[]
}

/** What comes back for a request that was carried to its end, and what the sender makes of it. */
export function answerTo(
  carriage: Carriage,
  origin: Machine,
  sent: Packet,
  there: Carried,
  protocol: Protocol,
): Answered {
  const { end, machine, packet } = there
  const listens = end.is === 'arrived' ? listensAt(machine, packet) : undefined
  const refuses = listens === false || end.is === 'rejected'
  const answer: Packet = { ...reversed(packet), ...answerHeader(packet.protocol, refuses), state: 'established' }
  // A node may get back what it sent, translated by another.
  const home = machine === origin && there.hops.every(({ place }) => place === there.hops[0]?.place)
  switch (end.is) {
    case 'arrived': {
      // A closed port of TCP answers with a reset, one of UDP by ICMP.
      const closed = listens === false && packet.protocol === protocolNumbers.udp
      const said = closed ? errorAbout(machine, packet, unreachable.port) : answer
      const back = comeBack(carriage, origin, sent, machine, said, listens === false ? 'refuses' : 'answers')
      if (listens === false && !back.heard) return { reply: back.hops, verdicts: words(back, 'refused', false) }
      const verdicts = arrivals(listens, back.heard, protocol, declaresOther(machine, packet))
      // Whatever was taken when the queue was seen, the program may take one meanwhile.
      if (isFull(machine, packet)) verdicts.unshift('no-answer')
      // A kernel without SCTP says so to all but one: where the sender's own socket for raw packets is, that one took it.
      if (packet.protocol === protocolNumbers.sctp && listens === undefined && machine === origin)
        verdicts.push('no-answer')
      // A machine that nobody watches may throw away what it likes.
      if (isStranger(machine)) verdicts.push('no-answer')
      const second = otherAnswer(machine, packet, answer, listens)
      const other = second && comeBack(carriage, origin, sent, machine, second, 'answers')
      if (second?.state === 'related' && other?.heard) verdicts.push('refused')
      return { reply: back.hops, ...(other && { other: other.hops }), verdicts: [...new Set(verdicts)] }
    }
    case 'rejected': {
      const reset = end.with === 'tcp reset'
      // It is routed for its address all the same (ip_route_me_harder).
      if (reset && there.bridged && routeTo(machine, answer.destination)?.kind !== 'unicast')
        return { reply: [], verdicts: ['no-answer'] }
      if (reset && there.bridged) {
        const { hops, packet: got } = bounce({ ...carriage, back: true }, machine, there.bridged, answer)
        return { reply: [...hops, ...told(there.bridged, got, `is told no, by ${got.source}`)], verdicts: ['rejected'] }
      }
      const no = reset ? answer : errorAbout(machine, packet, codeOf(end.with))
      const back = comeBack(carriage, origin, sent, machine, no, 'refuses')
      if (home && !back.heard) return { reply: back.hops, verdicts: [...untold(protocol), refusal(end)] }
      return { reply: back.hops, verdicts: words(back, refusal(end), home || end.seldom === true) }
    }
    case 'expired': {
      const back = comeBack(carriage, origin, sent, machine, errorAbout(machine, packet, 0, timeExceeded), 'refuses')
      return { reply: back.hops, verdicts: words(back, 'unreachable', false) }
    }
    case 'unanswered':
    case 'no way': {
      // What rules sent another way than the one that its socket had found is lost in silence, for TCP at least.
      if (home && packet.destination !== sent.destination) return { reply: [], verdicts: ['unreachable', 'no-answer'] }
      // A kernel asks for three seconds who has an address, which not everybody waits.
      if (home) return { reply: [], verdicts: end.is === 'unanswered' ? ['unreachable', 'no-answer'] : ['unreachable'] }
      const forbidden = routeTo(machine, packet.destination)?.kind === 'unreachable'
      const code = end.is === 'unanswered' || forbidden ? unreachable.host : unreachable.net
      const back = comeBack(carriage, origin, sent, machine, errorAbout(machine, packet, code), 'refuses')
      if (!back.heard) return { reply: back.hops, verdicts: words(back, 'unreachable', false) }
      // A kernel asks for an Ethernet address for three seconds, which not everybody waits; and that there is no way it says to each
      // asker five times, then once a second (ip_error: net.ipv4.route.error_burst).
      return { reply: back.hops, verdicts: ['unreachable', 'no-answer'] }
    }
    case 'dropped':
      // The rules' trace follows the sender's own ends: whom another node speaks for is out of its sight.
      return { reply: [], verdicts: isMasqueraded(sent, packet) ? ['dropped', 'no-answer'] : ['dropped'] }
    case 'silent':
      return { reply: [], verdicts: ['no-answer'] }
  }
}

/**
 * What may come in the place of an answer. A kernel that does not speak SCTP says so by ICMP. A datagram of a program that is bound to no
 * address and does not say which one was asked (IP_PKTINFO) leaves from the one by which the machine reaches who asked, and is none of
 * the connection. undefined where there is no other.
 */
function otherAnswer(machine: Machine, packet: Packet, answer: Packet, listens?: boolean): Packet | undefined {
  const { protocol } = packet
  if (protocol === protocolNumbers.sctp && listens === undefined)
    return errorAbout(machine, packet, unreachable.protocol)
  if (protocol !== protocolNumbers.udp || listens === false || machine.place.kind === 'pod') return undefined
  const { destination: to } = answer
  const route = routeTo(machine, to)
  const source = isLocal(machine, to) ? to : route && sourceFor(machine, route)
  return source === undefined || source === answer.source ? undefined : { ...answer, source, state: 'new' }
}

/**
 * An ICMP error, from the address that was asked for where the machine has it; else from the one by which it reaches who asked, as for
 * everything that it sends (icmp_send).
 */
function errorAbout(machine: Machine, packet: Packet, code: number, type?: number): Packet {
  const instead = reversed(packet)
  const { source: mine, destination: to } = instead
  const route = routeTo(machine, to)
  const own = isLocal(machine, mine) ? mine : isLocal(machine, to) ? to : route && sourceFor(machine, route)
  return { ...instead, ...errorHeader(code, type), source: own ?? mine, state: 'related', instead }
}

/** Whom his own machine refuses, and its own rules keep the message from him: all but TCP hear of it at once (EPERM). */
function untold(protocol: Protocol): Verdict[] {
  return protocol === 'tcp' || protocol === 'http' || protocol === 'https' ? ['no-answer'] : ['rejected']
}

function isMasqueraded(sent: Packet, { source, sourcePort }: Packet): boolean {
  return source !== sent.source || sourcePort !== sent.sourcePort
}

/**
 * Of a no: what its own machine forbids, a socket is told by errno, too; and what a machine that asked gets and its rules throw away is
 * seen at its card all the same.
 */
function words({ heard, near }: { heard: boolean; near: boolean }, no: Verdict, home: boolean): Verdict[] {
  if (heard) return home ? [no, 'no-answer'] : [no]
  return home || near ? ['no-answer', no] : ['no-answer']
}

/** Its containers declare ports, and not this one: a hint, no more (`containerPort` is for people). */
export function declaresOther({ declares = [] }: Machine, packet: Packet): boolean {
  const { proto } = endsOfPacket(packet)
  const same = declares.filter(({ protocol }) => protocol === proto)
  return same.length > 0 && same.every(({ port }) => port !== packet.destinationPort)
}

function arrivals(listens: boolean | undefined, heard: boolean, protocol: Protocol, unlikely: boolean): Verdict[] {
  if (protocol === 'icmp') return [heard ? 'delivered' : 'no-answer']
  // A program need not answer a datagram, nor speak HTTP or DNS.
  const taken: Verdict[] =
    protocol === 'udp'
      ? ['delivered']
      : heard
        ? protocol === 'tcp' || protocol === 'sctp'
          ? ['delivered']
          : ['delivered', 'no-answer']
        : ['no-answer']
  const refused: Verdict = heard ? 'refused' : 'no-answer'
  if (listens === undefined) return [...new Set(unlikely ? [refused, ...taken] : [...taken, refused])]
  return listens ? taken : [refused]
}

/** RFC 792 and RFC 1812: that there is no way to a host or a network; everything else is a refusal. */
function refusal({ with: how }: Extract<End, { is: 'rejected' }>): Verdict {
  return how !== 'tcp reset' && noWay.has(codeOf(how)) ? 'unreachable' : 'rejected'
}

const noWay: ReadonlySet<number> = new Set([0, 1, 6, 7, 11, 12])

function comeBack(
  carriage: Carriage,
  origin: Machine,
  sent: Packet,
  machine: Machine,
  answer: Packet,
  how: 'answers' | 'refuses',
): { hops: Hop[]; heard: boolean; near: boolean } {
  const path = new Path()
  const yes = how === 'answers'
  if (machine.place.kind === 'pod')
    path.add(machine, isLocal(machine, answer.destination) ? 'lo' : 'eth0', answer, {
      component: yes && answer.protocol !== protocolNumbers.icmp ? 'app' : 'pod',
      action: yes ? 'answered' : 'rejected',
      say: yes ? 'the answer leaves' : 'no: the pod’s kernel says that nobody listens',
      because: { kind: 'object', text: `pod ${machine.place.name}` },
    })
  const back: Carried = carry({ ...carriage, back: true }, machine, answer)
  const asked = reversed(sent)
  const heard =
    back.end.is === 'arrived' &&
    back.machine === origin &&
    (answer.state === 'related' ||
      (back.packet.source === asked.source && back.packet.sourcePort === asked.sourcePort)) &&
    back.packet.destination === asked.destination
  const hops = [...path.hops, ...back.hops]
  const near = back.machine === origin && origin.place.kind !== 'pod'
  if (back.end.is !== 'arrived' || back.machine.place.kind !== 'pod') return { hops, heard, near }
  const by = answer.state === 'related' ? nameless(machine) : back.packet.source
  const say = heard
    ? `${yes ? 'has its answer, from' : 'is told no, by'} ${by}`
    : `did not ask ${back.packet.source}, from whom this answer is: thrown away`
  const itself = machine === back.machine && isLocal(machine, answer.destination)
  return { hops: [...hops, ...told(back.machine, back.packet, say, itself ? 'lo' : 'eth0')], heard, near }
}

/** At the pod that asked. */
function told(pod: Machine, packet: Packet, say: string, device = 'eth0'): Hop[] {
  const path = new Path()
  const because = { kind: 'object', text: `pod ${pod.place.name}` } as const
  path.add(pod, device, packet, { component: 'pod', action: 'delivered', say: `${nameless(pod)} ${say}`, because })
  return path.hops
}

/** Whether a socket takes it; undefined where nobody looked. An echo request needs none. */
export function listensAt(machine: Machine, packet: Packet): boolean | undefined {
  const { protocol } = packet
  if (protocol === protocolNumbers.icmp) return true
  if (machine.untold?.some((name) => protocolNumbers[name as 'sctp'] === protocol)) return undefined
  return machine.listeners && listenersFor(machine, packet).length > 0
}

/** A socket would take it, and its queue has no room. */
export function isFull(machine: Machine, packet: Packet): boolean {
  const all = listenersFor(machine, packet)
  return all.length > 0 && all.every(({ full }) => full)
}

function listenersFor(
  { listeners = [] }: Machine,
  { protocol, destination, destinationPort }: Packet,
): MachineListener[] {
  return listeners.filter(
    (one) =>
      protocolNumbers[one.protocol] === protocol &&
      one.port === destinationPort &&
      (one.address === destination || addressBytes(one.address).every((byte) => byte === 0)),
  )
}

export function reversed({ source, sourcePort, destination, destinationPort, protocol }: Packet): Packet {
  return {
    source: destination,
    sourcePort: destinationPort,
    destination: source,
    destinationPort: sourcePort,
    protocol,
  }
}

function nameless({ place }: Machine): string {
  return place.name.slice(place.name.indexOf('/') + 1)
}
