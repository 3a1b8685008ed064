import type { Address } from '../../base/address.ts'
import type { Place, RouteFact } from '../observation.ts'
import { refusingKinds, sayRefusingLine } from '../predict/say.ts'
import { factsOf, type Story } from './story.ts'

/** The line of a place's routing table that leads nowhere on purpose: `ip route add blackhole ...`, `unreachable`, `prohibit`. */
export function refusingLine(story: Story, place: Place, to: Address): RefusingLine | undefined {
  const { kind, entry } = factsOf(story, place)?.routes.find((route) => route.to === to) ?? ({} as Partial<RouteFact>)
  const refusing = refusingKinds.find((one) => one === kind)
  if (refusing === undefined || entry === undefined) return undefined
  return { text: `${refusing} ${entry}`, say: sayRefusingLine(refusing, to) }
}

export interface RefusingLine {
  /** As `ip route` has it: `blackhole 100.96.1.2/32`. */
  readonly text: string
  readonly say: string
}
