import type { Address } from '../../base/address.ts'
import { nameOf, shortName } from '../cluster/names.ts'
import type { Sighting } from '../flow/flow.ts'
import type { Hop, Verdict } from '../types.ts'
import { type RefusingLine, refusingLine } from './refusing-line.ts'
import { answerStoppedBy } from './rules.ts'
import { hopAt, ipOf, portOf, type Story } from './story.ts'

// ICMP's errors: RFC 792, RFC 1122 (3.2.2.1), RFC 1812 (5.2.7.1); for IPv6 RFC 4443, section 3.

export type ErrorKind = 'port' | 'protocol' | 'host' | 'net' | 'prohibited' | 'too-big' | 'time' | 'other'

/** What somebody on the way, or the target itself, said of the request by ICMP. */
export interface IcmpError {
  readonly kind: ErrorKind
  /** Where it was seen first. */
  readonly first: Sighting
  /** `pod far`, `node2`, `router`, or an address that nobody known has. */
  readonly by: string
  /** It was made where it was seen first; else by a machine that is not watched. */
  readonly here: boolean
  /** Of `too-big`: the largest packet that the next link takes; absent where the sender does not say. */
  readonly mtu?: number
  /** The request was for a port. */
  readonly hasPort: boolean
  /** It came back to who asked, and no rule there was against it. */
  readonly heard: boolean
  /** The line of the speaker's routing table that made it say so (`unreachable`, `prohibit`). */
  readonly line?: RefusingLine
  /** RFC 792's name: `host unreachable`. */
  readonly name: string
}

/** undefined when the request was answered in another way, or not at all. `first`: an answer that no device saw. */
export function errorOf(
  story: Story,
  first: Sighting | undefined = story.flow.answer === 'unreachable' ? story.flow.back[0] : undefined,
): IcmpError | undefined {
  const transport = first && ipOf(first).transport
  const [asked] = story.flow.there
  if (!first || !asked || transport?.kind !== 'icmp') return undefined
  const { type, code, mtu } = transport
  if (isEcho(ipOf(first).family, type)) return undefined
  const kind = (ipOf(first).family === 4 ? kindOf : kindOf6)(type, code)
  const here = first.direction === 'out'
  const last = story.flow.back.at(-1)
  const end = story.flow.there.at(-1)
  const line = here && end && byLine.has(kind) ? refusingLine(story, first.place, ipOf(end).destination) : undefined
  return {
    kind,
    first,
    by: here ? nameAt(first) : named(story, ipOf(first).source),
    here,
    ...(mtu !== undefined && mtu > 0 && { mtu }),
    hasPort: portOf(ipOf(asked)) !== undefined,
    heard: last?.place.name === asked.place.name && !answerStoppedBy(story, last),
    ...(line && { line }),
    name: kind === 'other' ? `ICMP type ${type} code ${code}` : names[kind],
  }
}

/** One plain sentence: why it went no further. `about`: what was asked for. */
export function sayError({ kind, name, mtu, hasPort, line }: IcmpError, bytes: number, about: Address): string {
  if (line) return line.say
  switch (kind) {
    case 'port':
      return hasPort ? 'that port is closed' : 'nobody takes that there'
    case 'protocol':
      return 'this protocol is not spoken there'
    case 'host':
      return `${about} does not answer: nobody there has the address`
    case 'net':
      return `no way to ${about} is known here`
    case 'prohibited':
      return `a rule forbids this traffic to ${about}`
    case 'too-big': {
      const room = mtu === undefined ? 'is too big for the next link' : `has ${bytes} bytes, the next link takes ${mtu}`
      return `the packet ${room}, and it must not be cut`
    }
    case 'time':
      return 'the packet has passed as many machines as it may (its time to live is used up): it goes in a circle, or was given too few'
    case 'other':
      return name
  }
}

/** What a machine says where a line of its routing table leads nowhere: fib_props (net/ipv4/fib_semantics.c). */
const byLine: ReadonlySet<ErrorKind> = new Set(['host', 'prohibited'])

/** What the request's end is called, by what was said and by whom. */
export function verdictOfError({ kind }: IcmpError, by: 'target' | 'node' | undefined): Verdict {
  switch (kind) {
    case 'port':
    case 'protocol':
      return by === 'target' ? 'refused' : 'rejected'
    case 'prohibited':
      return 'rejected'
    case 'too-big':
      return 'too-big'
    case 'host':
    case 'net':
    case 'time':
    case 'other':
      return 'unreachable'
  }
}

/** The hop that begins the way back of an error: who says what. A pod's own says it at its eth0. */
export function saysError(story: Story): Hop[] {
  const error = errorOf(story)
  const last = story.flow.there.at(-1)
  if (!error || !last || (error.here && error.first.place.kind === 'pod')) return []
  const { destination, length } = ipOf(last)
  const who = error.here ? error.by : `${error.by}, which is not watched,`
  const say = `${who} says no: ${sayError(error, length, destination)} (ICMP: ${error.name})`
  return [hopAt(story, error.first, { component: 'route', action: 'rejected', say })]
}

/** RFC 792, RFC 4443: a request or a reply. */
function isEcho(family: 4 | 6, type: number): boolean {
  return family === 4 ? type === 0 || type === 8 : type === 128 || type === 129
}

const names: Record<Exclude<ErrorKind, 'other'>, string> = {
  port: 'port unreachable',
  protocol: 'protocol unreachable',
  host: 'host unreachable',
  net: 'network unreachable',
  prohibited: 'administratively prohibited',
  'too-big': 'fragmentation needed',
  time: 'time exceeded',
}

function kindOf(type: number, code: number): ErrorKind {
  if (type === 11) return 'time'
  if (type !== 3) return 'other'
  return unreachable[code] ?? 'other'
}

/** "Destination unreachable" by code: RFC 792, RFC 1122, RFC 1812. */
const unreachable: Readonly<Record<number, ErrorKind>> = {
  0: 'net',
  1: 'host',
  2: 'protocol',
  3: 'port',
  4: 'too-big',
  6: 'net',
  7: 'host',
  9: 'prohibited',
  10: 'prohibited',
  11: 'net',
  12: 'host',
  13: 'prohibited',
}

function kindOf6(type: number, code: number): ErrorKind {
  if (type === 2) return 'too-big'
  if (type === 3) return 'time'
  if (type === 4 && code === 1) return 'protocol'
  const codes: Readonly<Record<number, ErrorKind>> = {
    0: 'net',
    1: 'prohibited',
    3: 'host',
    4: 'port',
    5: 'prohibited',
    6: 'net',
  }
  return type === 1 ? (codes[code] ?? 'other') : 'other'
}

function nameAt({ place }: Sighting): string {
  return place.kind === 'pod' ? `pod ${shortName(place.name)}` : place.name
}

function named(story: Story, address: Address): string {
  const name = nameOf(story, address)
  return name === undefined ? address : `${name} (${address})`
}
