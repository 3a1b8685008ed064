import type { Place, RuleMet } from '../observation.ts'
import { type Ip, readIp } from '../packet/ip.ts'
import { isSame } from '../flow/flow.ts'
import type { Story } from './story.ts'

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

export function refuses({ verdict }: RuleMet): boolean {
  return verdict === 'reject'
}

/** One of the rules for services (src/proxy); else somebody's own. */
export function isServiceRule({ table }: RuleMet): boolean {
  return table === 'kubehop'
}
