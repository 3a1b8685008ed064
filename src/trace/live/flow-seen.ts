import { type Flow, followFlow, readSightings, type Sighting } from '../flow/flow.ts'
import type { Observation, PacketSeen, RuleMet } from '../observation.ts'
import type { ProbeResult } from '../probe/spec.ts'
import type { Transport } from '../types.ts'

/** What was seen of one connection until it was answered, or for long enough. */
export interface FlowSeen {
  /** Its place among all that began. */
  readonly number: number
  readonly first: Sighting
  /** The client's port; an echo's identifier. */
  readonly port: number
  readonly observations: readonly Observation[]
  readonly result: Extract<ProbeResult, { kind: 'sent' }>
  readonly flow: Flow
}

export interface Gathered {
  readonly number: number
  readonly first: Sighting
  readonly packets: readonly PacketSeen[]
  readonly rules: readonly RuleMet[]
}

/** `arp`: of all connections. */
export function flowSeen(
  { number, first, packets, rules }: Gathered,
  arp: readonly PacketSeen[],
  protocol: Transport,
): FlowSeen | undefined {
  const source = first.frame.ip?.source
  if (source === undefined) return undefined
  const port = portOf(first)
  const flow = followFlow(readSightings(packets), { protocol, source, port })
  const last = flow.back.at(-1)?.time
  const ms = Number((last ?? BigInt(Date.now()) * 1_000_000n) - first.time) / 1e6
  const since = arp.filter(({ time }) => BigInt(time) >= first.time)
  return {
    number,
    first,
    port,
    observations: [...packets, ...since, ...rules],
    result: { kind: 'sent', outcome: flow.answer === undefined ? 'timeout' : outcomes[flow.answer], ms },
    flow,
  }
}

const outcomes = {
  accepted: 'answered',
  datagram: 'answered',
  echo: 'answered',
  reset: 'refused',
  unreachable: 'unreachable',
} as const

function portOf({ frame }: Sighting): number {
  const transport = frame.ip?.transport
  if (!transport) return 0
  return transport.kind === 'icmp' ? transport.id : transport.sourcePort
}
