import type { Observation } from '../observation.ts'
import { BoundedWatch } from './bounded.ts'
import type { TraceEnvironment } from './environment.ts'
import { factsAt } from './facts.ts'
import { filterFor, snapOf } from './filter.ts'
import { flagFlow } from './flag.ts'
import { mostBytes, PacketWatch } from './packets.ts'
import { RuleWatch } from './rules.ts'
import type { WatchSpec } from './spec.ts'
import { stateAt } from './state.ts'

/** A trace follows one connection's first packets: more than this is somebody else's traffic. */
const mostPackets = 5000
const mostPerRequest = 100

/**
 * Watches one flow on this machine and in its pods. The observations of kind `state` come first, then `ready`: what is sent after it is seen. When `signal`
 * aborts, or the time is over, everything that arrived until then is still told, then what the kernel says about the addresses
 * concerned, then `end`. Whatever happens, no socket and no table is left.
 */
export async function* observe(
  spec: WatchSpec,
  environment: TraceEnvironment,
  signal: AbortSignal,
): AsyncGenerator<Observation, void, undefined> {
  await using watch = new BoundedWatch(spec, environment, signal)
  const { machine, places, queue } = watch
  const most = mostPackets + mostPerRequest * ((spec.span ?? 1) - 1)
  const snap = snapOf(spec)
  const what = { filter: filterFor(spec), snap, mostPackets: most, mostBytes: Math.min(most * snap, mostBytes) }
  const packets = places.map((one) => watch.opened(new PacketWatch(one, what, queue)))
  watch.opened(new RuleWatch(machine, spec, queue))
  watch.opened(flagFlow(machine.ns, spec))
  // Of many requests the first was watched alone, and told this.
  if (spec.span === undefined) for (const one of places) queue.push(stateAt(one))
  yield* watch.seen()
  for (const { watched, addresses } of packets) yield factsAt(watched, addresses)
  yield { kind: 'end' }
}
