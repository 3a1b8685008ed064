import { type Address, hostPort } from '../../base/address.ts'
import type { PacketSeen, Place } from '../observation.ts'
import { type Frame, readFrame } from '../packet/frame.ts'
import { type Ip, readIp } from '../packet/ip.ts'
import { ABORT, INIT, INIT_ACK } from '../packet/sctp.ts'
import type { Transport } from '../packet/transport.ts'
import type { Ends, Transport as TransportName } from '../types.ts'
import { sameHeader } from './same.ts'

// Follows one request through translations. What the kernel never changes tells the request from all others: TCP's first sequence
// number, SCTP's initiate tag, a datagram's or an echo request's payload. What belongs to its answer: the acknowledgement of that number, the reversed ends at the same place.

export interface Sighting {
  readonly place: Place
  readonly device: string
  readonly direction: 'in' | 'out'
  /** Nanoseconds since 1970. */
  readonly time: bigint
  readonly frame: Frame
  /** At a socket of the machine itself, not at a device: see local.ts. */
  readonly local?: true
  /** As rules left it, where no device saw it any more: see ruled.ts. */
  readonly ruled?: true
}

export interface Probe {
  readonly protocol: TransportName
  readonly source: Address
  /** The source port; of an echo request (ICMP) its identifier. */
  readonly port: number
}

/** How the other side, or somebody on the way, answered. */
export type AnswerKind = 'accepted' | 'reset' | 'datagram' | 'echo' | 'unreachable'

export interface Flow {
  /** The request's first packet, everywhere it was seen, in order. */
  readonly there: readonly Sighting[]
  /** The first packet that answers it, everywhere it was seen, in order. */
  readonly back: readonly Sighting[]
  readonly answer: AnswerKind | undefined
  /** How often the request was sent: more than once when nothing came back. */
  readonly tries: number
  /** ARP on the way, in order. */
  readonly arp: readonly Sighting[]
}

/** The frames of watchers as sightings; frames that cannot be read are left out. */
export function readSightings(seen: readonly PacketSeen[]): Sighting[] {
  return seen.flatMap(({ place, device, direction, time, frame }) => {
    const read = readFrame(Buffer.from(frame, 'base64'))
    return read ? [{ place, device, direction, time: BigInt(time), frame: read }] : []
  })
}

export function followFlow(sightings: readonly Sighting[], probe: Probe): Flow {
  // One socket reports in order; between sockets the clock decides (Array.prototype.sort keeps the order of equals).
  const inOrder = [...sightings].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  const arp = inOrder.filter((one) => one.frame.arp)
  const first = inOrder.find((one) => isFirst(one.frame.ip, probe))
  const request = first?.frame.ip
  if (!request) return { there: [], back: [], answer: undefined, tries: 0, arp }
  const requests: Sighting[] = []
  const answers: { one: Sighting; kind: AnswerKind }[] = []
  // In order, because an echo has its request's payload: only what came the other way before tells them apart. Half translated, or on
  // another way, an answer's ends are no request's reversed; but each of them was one of a request's.
  const sources = new Set<string>()
  const destinations = new Set<string>()
  for (const one of inOrder) {
    const { ip } = one.frame
    if (!ip) continue
    const kind = answerKind(ip, request, (of, reversed) => {
      const { src, dst } = endsOf(of)
      // To where the request came from goes nothing but an answer, whoever gives it: a machine may answer from another of its addresses.
      return sources.has(reversed ? dst : src) && (reversed || destinations.has(dst))
    })
    if (kind) answers.push({ one, kind })
    else if (isSame(ip, request)) {
      const { src, dst } = endsOf(ip)
      sources.add(src)
      destinations.add(dst)
      requests.push(one)
    }
  }
  const there = firstAtEach(firstTry(requests, first))
  const answer = answers[0]?.kind
  const back = firstAtEach(answers.filter(({ kind }) => kind === answer).map(({ one }) => one))
  const tries = requests.filter(
    (one) =>
      one.place.name === first.place.name &&
      one.direction === first.direction &&
      one.device === first.device &&
      one.local === first.local,
  ).length
  return { there, back, answer, tries, arp }
}

/** Source and destination, as people write them. */
export function endsOf(ip: Ip): Ends {
  const { transport } = ip
  if (transport && transport.kind !== 'icmp') {
    const { kind, sourcePort, destinationPort } = transport
    return { src: hostPort(ip.source, sourcePort), dst: hostPort(ip.destination, destinationPort), proto: kind }
  }
  return { src: ip.source, dst: ip.destination, proto: transport?.kind ?? `protocol ${ip.protocol}` }
}

/** What {@link endsOf} will say of a request before it is sent. */
export function endsOfRequest(
  { source, port, protocol }: Probe,
  to: { readonly address: Address; readonly port: number },
): Ends {
  return protocol === 'icmp'
    ? { src: source, dst: to.address, proto: protocol }
    : { src: hostPort(source, port), dst: hostPort(to.address, to.port), proto: protocol }
}

export function sameEnds(a: Ends, b: Ends): boolean {
  return a.src === b.src && a.dst === b.dst && a.proto === b.proto
}

/** Whether two packets are one request, seen at different places or sent again. */
export function isSame(ip: Ip, request: Ip): boolean {
  const [one, other] = [ip.transport, request.transport]
  if (one?.kind === 'tcp' && other?.kind === 'tcp') return one.syn && !one.ack && one.sequence === other.sequence
  if (one?.kind === 'udp' && other?.kind === 'udp') return sameStart(one.payload, other.payload)
  if (one?.kind === 'sctp' && other?.kind === 'sctp')
    return one.chunk === INIT && other.initiateTag !== undefined && one.initiateTag === other.initiateTag
  if (one?.kind === 'icmp' && other?.kind === 'icmp')
    return (
      isEcho(ip, 'request') && one.sequence === other.sequence && sameStart(one.payload ?? none, other.payload ?? none)
    )
  return false
}

/** nf_tables reports the first 20 bytes of a datagram: 12 of its payload. */
function sameStart(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.min(a.length, b.length)
  return (length >= 12 || a.length === b.length) && Buffer.compare(a.subarray(0, length), b.subarray(0, length)) === 0
}

const none = new Uint8Array()
const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } }

function isEcho({ family, transport }: Ip, which: 'request' | 'reply'): boolean {
  return transport?.kind === 'icmp' && transport.type === echoTypes[family][which]
}

/** Whether it is the request as its sender sent it. */
export function isFirst(ip: Ip | undefined, probe: Probe): boolean {
  const transport = ip?.transport
  if (!ip || transport?.kind !== probe.protocol || ip.source !== probe.source) return false
  if (transport.kind === 'icmp') return isEcho(ip, 'request') && transport.id === probe.port
  if (transport.sourcePort !== probe.port) return false
  if (transport.kind === 'sctp') return transport.chunk === INIT
  return transport.kind === 'udp' || (transport.syn && !transport.ack)
}

/** Whether a packet whose first bytes are known answers a request right where that was seen: its ends reversed, or an error about it. */
export function answers(ip: Ip, request: Ip): boolean {
  const { src, dst, proto } = endsOf(request)
  if (ip.transport?.kind === 'icmp' && ip.transport.quote) return isError(ip) && sameHeader(ip.transport.quote, request)
  return (
    answerKind(ip, request, (of, back) => back && sameEnds(endsOf(of), { src: dst, dst: src, proto })) !== undefined
  )
}

/** "Redirect" (RFC 792, type 5) only advises. */
function isError({ family, transport }: Ip): boolean {
  return transport?.kind === 'icmp' && !(family === 4 && transport.type === 5)
}

function answerKind(ip: Ip, request: Ip, known: (ip: Ip, reversed: boolean) => boolean): AnswerKind | undefined {
  const [one, asked] = [ip.transport, request.transport]
  if (one?.kind === 'icmp' && asked?.kind === 'icmp' && isEcho(ip, 'reply'))
    return sameStart(one.payload ?? none, asked.payload ?? none) ? 'echo' : undefined
  if (one?.kind === 'icmp') {
    const about = one.quote && readIp(one.quote, true)
    const quoted = about?.transport
    if (!about || !quoted) return undefined
    // The packet went on.
    if (!isError(ip)) return undefined
    return (isQuoted(quoted, asked) ?? known(about, false)) ? 'unreachable' : undefined
  }
  if (one?.kind === 'sctp' && asked?.kind === 'sctp') {
    if (one.verificationTag !== asked.initiateTag) return undefined
    return one.chunk === INIT_ACK ? 'accepted' : one.chunk === ABORT ? 'reset' : undefined
  }
  if (one?.kind === 'tcp' && asked?.kind === 'tcp') {
    if (!one.ack || one.acknowledgement !== (asked.sequence + 1) >>> 0) return undefined
    return one.rst ? 'reset' : one.syn ? 'accepted' : undefined
  }
  return one?.kind === 'udp' && asked?.kind === 'udp' && known(ip, true) ? 'datagram' : undefined
}

/** undefined where the quote is too short to tell, or the protocol has no mark of its own: then only the ends can. */
function isQuoted(quoted: Transport, asked: Transport | undefined): boolean | undefined {
  if (quoted.kind === 'tcp' && asked?.kind === 'tcp') return quoted.sequence === asked.sequence
  if (quoted.kind === 'sctp' && asked?.kind === 'sctp' && quoted.initiateTag !== undefined)
    return quoted.initiateTag === asked.initiateTag
  if (quoted.kind === 'icmp' && asked?.kind === 'icmp')
    return quoted.payload?.length === 0
      ? undefined
      : quoted.type === asked.type && sameStart(quoted.payload ?? none, asked.payload ?? none)
  return quoted.kind === asked?.kind ? undefined : false
}

/** What is sent again may meet other rules by then, and become another packet: its way is told where the first one never came. */
function firstTry(requests: readonly Sighting[], first: Sighting): Sighting[] {
  const deviceOf = ({ place, device, direction, local }: Sighting): string =>
    `${place.kind} ${place.name} ${device} ${direction} ${local ?? false}`
  const again = requests.findIndex((one, at) => at > 0 && deviceOf(one) === deviceOf(first) && sameIp(one, first))
  if (again < 0) return [...requests]
  const seen = new Set(requests.slice(0, again).map(deviceOf))
  return requests.filter((one, at) => at < again || !seen.has(deviceOf(one)))
}

function sameIp(one: Sighting, other: Sighting): boolean {
  return (
    one.frame.ip !== undefined && other.frame.ip !== undefined && sameEnds(endsOf(one.frame.ip), endsOf(other.frame.ip))
  )
}

function firstAtEach(sightings: readonly Sighting[]): Sighting[] {
  const seen = new Set<string>()
  return sightings.filter((one) => {
    const at = `${key(one.place, one.frame.ip)} ${one.device} ${one.direction} ${one.local ?? false}`
    return !seen.has(at) && seen.add(at)
  })
}

function key(place: Place, ip: Ip | undefined): string {
  const ends = ip ? endsOf(ip) : undefined
  return `${place.kind} ${place.name} ${ends?.src} ${ends?.dst}`
}
