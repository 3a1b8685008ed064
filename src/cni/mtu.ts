import type { Link } from '../kernel/rtnetlink/link.ts'
import { cableNumber } from './names.ts'

/** As kubenet did: a packet that a pod may send must fit through every way out of the node. */
export function smallestMtu(links: readonly Link[], bridge: string): number {
  const outside = links.filter((link) => link.up && link.name !== 'lo' && link.name !== bridge && !isCable(link))
  return outside.length === 0 ? 1500 : Math.min(...outside.map((link) => link.mtu))
}

function isCable({ kind, name, master }: Link): boolean {
  return cableNumber(name) !== undefined || (kind === 'veth' && master !== undefined)
}
