import { words } from '../render/verdict.ts'
import type { Hop, Verdict } from '../types.ts'
import { anyPort } from './path.ts'
import type { Prediction } from './predict.ts'

export interface Seen {
  readonly hops: readonly Hop[]
  readonly reply: readonly Hop[]
  readonly verdict: Verdict
}

/**
 * undefined when both tell the same; else the first place where they part. Compared are the places in order, the packet as it comes to
 * each and leaves it, what decided there, the same for the answer, and the verdict. `unwatched`: machines of which nothing
 * was seen, and pods (`node1/web`).
 */
export function agreement(predicted: Prediction, seen: Seen, unwatched: ReadonlySet<string>): string | undefined {
  const asked = seen.hops[0]?.packet.proto
  if (endsUnseen(predicted.hops, seen.hops, unwatched, asked)) return undefined
  const there = differ(predicted.hops, seen.hops, unwatched, asked)
  if (there !== undefined) return there
  const { verdicts } = predicted
  if (verdicts.length > 0 && !verdicts.includes(seen.verdict))
    return `predicted was ${verdicts.map((one) => words[one]).join(' or ')}, and it was ${words[seen.verdict]}`
  // An answer that its own machine's rules stop is at no device, and may be a refusal of what the machine itself asked.
  const within = predicted.reply.every(({ place, node }) => place === node && node === predicted.reply[0]?.node)
  const own =
    within && predicted.reply[0]?.node === seen.hops[0]?.place && predicted.reply.at(-1)?.action !== 'delivered'
  const stopped =
    (seen.verdict === 'no-answer' && (within || verdicts.includes('no-answer'))) || (seen.verdict === 'rejected' && own)
  if (seen.reply.length === 0 && (predicted.mayStaySilent || stopped)) return undefined
  // What a machine tells its own socket never leaves it.
  const itself = seen.hops[0]?.node
  if (predicted.reply.length === 0 && seen.reply.every(({ place }) => place === itself)) return undefined
  // Which of two answers comes cannot be known, an error about an echo is ICMP as well, and a kernel need not speak SCTP: then the way
  // is compared, not what it is.
  const either = verdicts.length > 1 || ((asked === 'icmp' || asked === 'sctp') && seen.verdict !== 'delivered')
  const kind = either ? 'either' : asked
  // Whether a machine's rules let its own socket have an ICMP error, no watcher sees.
  const home = verdicts.length > 1 ? itself : undefined
  const { reply, otherReply } = predicted
  const backBy = (way: readonly Hop[]): string | undefined => differ(way, seen.reply, unwatched, kind, { home })
  const back = backBy(reply)
  if (back === undefined || (otherReply && backBy(otherReply) === undefined)) return undefined
  return `on the way back: ${back}`
}

/** The request went as foretold to a machine that nobody watched, and was not seen again: what became of it there, nobody can say. */
function endsUnseen(
  predicted: readonly Hop[],
  seen: readonly Hop[],
  unwatched: ReadonlySet<string>,
  asked: string | undefined,
): boolean {
  const blind = predicted.findIndex(({ node }) => unwatched.has(node))
  const last = seen.at(-1)
  if (blind < 1 || last?.action !== 'dropped' || last.component === 'proxy' || last.component === 'policy') return false
  // Of one that ended meanwhile something may have been seen.
  const before = unwatched.has(last.node) ? seen : seen.slice(0, -1)
  return differ(predicted.slice(0, blind), before, unwatched, asked) === undefined
}

function differ(
  predicted: readonly Hop[],
  seen: readonly Hop[],
  unwatched: ReadonlySet<string>,
  asked: string | undefined,
  wayBack?: { readonly home: string | undefined },
): string | undefined {
  const back = wayBack !== undefined
  const watched = ({ node, place }: Hop): boolean => !unwatched.has(node) && !unwatched.has(`${node}/${place}`)
  const expected = stationsOf(predicted.filter(watched), asked, back)
  const found = stationsOf(seen.filter(watched), asked, back)
  for (let at = 0; at < Math.max(expected.length, found.length); at++) {
    const [one, other] = [expected[at], found[at]]
    const edge = { first: back && at === 0, last: at === expected.length - 1 }
    if (one && other && same(one, other, edge)) continue
    if (edge.last && one?.place === wayBack?.home && one?.place === other?.place && at === found.length - 1) continue
    if (!one) return `nothing was predicted after step ${at}, and this was seen: ${other && textOf(other)}`
    return `predicted was ${textOf(one)}, seen was ${other ? textOf(other) : 'nothing more'}`
  }
  return undefined
}

interface Station {
  readonly place: string
  readonly packets: string[]
  readonly acts: Set<string>
}

/** Place by place what happens there, in a form that can be compared; `asked`: the request's protocol. */
function stationsOf(hops: readonly Hop[], asked: string | undefined, back: boolean): Station[] {
  const stations: Station[] = []
  for (const [at, hop] of hops.entries()) {
    const isPod = hop.place !== hop.node
    const place = isPod ? `pod ${hop.place}` : hop.place
    const act = isPod ? podAct(hop, at === 0, hops) : actOf(hop, back, at === 0)
    let last = stations.at(-1)
    if (last?.place !== place || (act === 'receives' && last.acts.has('sends')))
      stations.push((last = { place, packets: [], acts: new Set() }))
    for (const { src, dst, proto } of [hop.packet, ...(hop.after ? [hop.after] : [])]) {
      // From which address a machine sends an ICMP error is a matter of its routes and settings: that it comes is compared.
      const packet = asked === 'either' ? 'an answer' : proto === asked ? `${src} > ${dst} ${proto}` : 'an ICMP message'
      if (last.packets.at(-1) !== packet) last.packets.push(packet)
    }
    if (act !== undefined) last.acts.add(act)
  }
  return stations
}

/** That a packet comes out of a cable is no decision; translations are in the packets, and who began, or said no, is at the beginning. */
function actOf({ component, action }: Hop, back: boolean, first: boolean): string | undefined {
  // That nobody saw it again is all that can be seen of a packet which no rule threw away, and of an answer.
  if (action === 'dropped' && (back || (component !== 'proxy' && component !== 'policy'))) return 'lost'
  if (component === 'veth' || action === 'translated' || action === 'sent' || action === 'answered') return undefined
  if (!back) return `${component} ${action}`
  // A machine that made the answer begins with its no; a no to an answer is not heard of by who asked.
  if (action === 'rejected') return first ? undefined : 'lost'
  return action === 'delivered' ? action : `${component} ${action}`
}

/** What a pod's socket answers, the verdict says. */
function podAct({ action }: Hop, first: boolean, hops: readonly Hop[]): string {
  if (action === 'dropped' && hops.length === 1) return 'cannot send'
  return first ? 'sends' : 'receives'
}

/**
 * What rules made of a packet right before its way ended on a machine was seen at no device, nor what a machine's own socket sent
 * before rules changed it: there the rest of the packets is compared.
 */
function same(one: Station, other: Station, { first, last }: { first: boolean; last: boolean }): boolean {
  // The rules' trace knows the sender's own ends: of what was masqueraded only the rest is seen.
  const hidden = one.packets.some((packet) => packet.includes(`:${anyPort}`))
  const policy = one.acts.has('policy dropped') || one.acts.has('policy rejected')
  const unseen = policy && (other.acts.has('lost') || (hidden && other.acts.has('route delivered')))
  if (one.place !== other.place || !(unseen || textOfActs(one) === textOfActs(other))) return false
  const { packets } = other
  const { length } = packets
  const ways = [
    one.packets,
    ...(last ? [one.packets.slice(0, length)] : []),
    ...(first ? [one.packets.slice(-length)] : []),
  ]
  return ways.some((way) => way.length === length && way.every((packet, at) => samePacket(packet, packets[at] ?? '')))
}

/** The port that a masquerade takes is the kernel's choice. */
function samePacket(predicted: string, seen: string): boolean {
  if (!predicted.includes(`:${anyPort}`)) return predicted === seen
  return (
    predicted.split(`:${anyPort}`).join(':') ===
    seen.replace(/:\d+/g, (port, at: number) => (predicted.startsWith(`:${anyPort}`, at) ? ':' : port))
  )
}

function textOf(station: Station): string {
  return `${station.place} (${station.packets.join(', then ')}): ${textOfActs(station)}`
}

function textOfActs({ acts }: Station): string {
  return [...acts].sort().join(', ')
}
