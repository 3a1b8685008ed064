import type { Place, RuleMet } from '../observation.ts'
import { type Ip, readIp } from '../packet/ip.ts'
import { answers, isSame, type Sighting } from '../flow/flow.ts'
import { isSamePacket } from '../flow/same.ts'
import { ipOf, type Story } from './story.ts'

/** What nf_tables reported for this packet at this place, line by line in order. */
export function rulesMet(story: Story, place: Place, packet: Ip): RuleMet[] {
  const here = story.rules.filter((one) => one.place.kind === place.kind && one.place.name === place.name)
  const ids = new Set(
    here.flatMap((one) => {
      const ip = one.bytes === undefined ? undefined : readIp(Buffer.from(one.bytes, 'base64'))
      return ip && isSame(ip, packet) ? [one.packet] : []
    }),
  )
  return here.filter((one) => ids.has(one.packet))
}

/** The rules that had a say, without the ends of chains that only let it pass. */
export function rulesText(story: Story, place: Place, packet: Ip): string {
  const lines = rulesMet(story, place, packet).filter(({ rule }) => rule !== undefined)
  return lines.length === 0 ? 'no rule was reported' : lines.map(ruleText).join('; ')
}

export function ruleText({ table, chain, rule, verdict }: RuleMet): string {
  return `${table} ${chain}: ${rule === undefined ? '' : `${rule} `}-> ${verdict}`
}

/** The line that threw the packet away, with an answer or without. */
export function droppedBy(story: Story, place: Place, packet: Ip): RuleMet | undefined {
  return rulesMet(story, place, packet).find((met) => met.verdict === 'drop' || refuses(met))
}

/** The line that threw an answer away behind the place where it was seen last. */
export function answerStoppedBy(story: Story, seen: Sighting): RuleMet | undefined {
  const packet = ipOf(seen)
  return stopped(
    story,
    (place, ip) =>
      // A translation changes one end only in each chain; an echo has all else from its request.
      place.kind === seen.place.kind &&
      place.name === seen.place.name &&
      ip.id === packet.id &&
      isSamePacket(ip, packet) &&
      (ip.source === packet.source || ip.destination === packet.destination),
  )?.met
}

/** What rules of the machine that made an answer threw away at once: no device saw it. */
export function stoppedAtOnce(story: Story): { readonly at: Sighting; readonly met: RuleMet } | undefined {
  const { there, answer } = story.flow
  const last = there.at(-1)
  if (!last || answer !== undefined) return undefined
  const found = stopped(story, (_, ip) => there.some((one) => answers(ip, ipOf(one))))
  if (!found) return undefined
  const { met, ip } = found
  const frame = { source: '', destination: '', ip }
  return { met, at: { place: met.place, device: '', direction: 'out', time: last.time + 1n, frame } }
}

function stopped(story: Story, isIt: (place: Place, ip: Ip) => boolean): { met: RuleMet; ip: Ip } | undefined {
  const packets = new Map<string, Ip>()
  for (const met of story.rules) {
    const key = `${met.place.kind} ${met.place.name} ${met.packet}`
    const ip = met.bytes === undefined ? undefined : readIp(Buffer.from(met.bytes, 'base64'))
    if (ip && isIt(met.place, ip)) packets.set(key, ip)
    const known = packets.get(key)
    if (known && (met.verdict === 'drop' || refuses(met))) return { met, ip: known }
  }
  return undefined
}

export function refuses({ verdict }: RuleMet): boolean {
  return verdict === 'reject'
}

/** One of the rules for services (src/proxy); else somebody's own. */
export function isServiceRule({ table }: RuleMet): boolean {
  return table === 'kubehop'
}
