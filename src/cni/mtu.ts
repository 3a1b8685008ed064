import type { LinkBrief } from '../kernel/rtnetlink/link-brief.ts'
import { cableNumber } from './names.ts'

/** As kubenet did: a packet that a pod may send must fit through every way out of the node. */
export function smallestMtu(links: readonly LinkBrief[], bridge: string): number {
  const outside = links.filter((link) => link.up && link.name !== 'lo' && link.name !== bridge && !isOfPods(link))
  return outside.length === 0 ? 1500 : Math.min(...outside.map((link) => link.mtu))
}

/** A pod's cable, or the detour of one whose speed is limited (bandwidth.ts): nothing leaves the node by an ifb. */
function isOfPods({ kind, name, master }: LinkBrief): boolean {
  return cableNumber(name) !== undefined || kind === 'ifb' || (kind === 'veth' && master !== undefined)
}
