import { endsOf, type Flow, isSame, sameEnds } from './flow.ts'
import type { RuleMet } from '../observation.ts'
import { readIp } from '../packet/ip.ts'

// What rules make of a packet right before its way ends on a node (no route on, a socket of the node itself, another rule against it)
// passes no device any more. nf_tables' trace has it: the packet as the next chain met it.

/** The flow with the request as the last node's rules left it, where no device saw that. */
export function withRuled(flow: Flow, rules: readonly RuleMet[]): Flow {
  const last = flow.there.at(-1)
  const seen = last?.frame.ip
  if (!last || !seen || last.place.kind !== 'node' || (last.direction === 'out' && !last.local)) return flow
  const here = rules.flatMap(({ place, packet, bytes }) => {
    if (bytes === undefined || place.kind !== 'node' || place.name !== last.place.name) return []
    const ip = readIp(Buffer.from(bytes, 'base64'))
    return ip && isSame(ip, seen) ? [{ packet, ip }] : []
  })
  // A packet may have passed the node before, on its way to where it was sent back from.
  const at = here.findLastIndex(({ ip }) => sameEnds(endsOf(ip), endsOf(seen)))
  const ip = here.findLast(({ packet }, index) => index >= at && packet === here[at]?.packet)?.ip
  if (!ip || sameEnds(endsOf(ip), endsOf(seen))) return flow
  // The trace has the first bytes only; what is behind them is as it was.
  const frame = { ...last.frame, ip: { ...seen, ...ip, length: seen.length } }
  const { local: _, ...one } = last
  return { ...flow, there: [...flow.there, { ...one, time: last.time + 1n, frame, ruled: true }] }
}
