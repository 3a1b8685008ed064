import type { Trace } from '../../src/trace/types.ts'
import { smallCard } from './trace-random-wires.ts'
import type { RandomWorld } from './trace-random-world.ts'

/** A cable's receiving end takes a VLAN's tag more than it says (is_skb_forwardable). */
const tag = 4

/** RFC 791: its length has 16 bits; lo would take one more. */
const largestPacket = 65_535

/** Only cards decide how large packets may be. */
export function isMeasurable({ broken }: RandomWorld): boolean {
  return broken.every(({ name }) => name === smallCard)
}

/** Whether the largest packet that arrived is the one that the devices on its way say they take; undefined where it is. */
export function sizeDisagrees({ sizes, verdict }: Trace): string | undefined {
  if (!sizes || verdict !== 'delivered' || sizes.hops.length === 0) return undefined
  const least = Math.min(largestPacket, ...sizes.hops.flatMap(({ mtu }) => mtu ?? []))
  const { largest = 0 } = sizes
  if (largest >= least && largest <= least + tag) return undefined
  const told = sizes.hops.map(({ place, device, mtu }) => `${place} ${device} ${mtu}`).join(', ')
  return `the largest packet that arrived has ${largest} bytes, and on its way are ${told}`
}
