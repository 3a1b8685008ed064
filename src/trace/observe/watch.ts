import { messageOf } from '../../base/errors.ts'
import type { Observation, Place } from '../observation.ts'
import type { TraceEnvironment } from './environment.ts'
import { gatherFacts } from './facts.ts'
import { filterFor, snapOf } from './filter.ts'
import { flagFlow } from './flag.ts'
import { PacketWatch } from './packets.ts'
import { Queue } from './queue.ts'
import { RuleWatch } from './rules.ts'
import type { WatchSpec } from './spec.ts'
import { gatherState } from './state.ts'

/** A trace follows one connection's first packets: more than this is somebody else's traffic. */
const mostPackets = 5000
const mostBytes = 16 * 1024 * 1024
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
  const queue = new Queue<Observation>()
  const open: (() => Promise<void> | void)[] = []
  const timer = setTimeout(finish, spec.seconds * 1000)
  signal.addEventListener('abort', finish, { once: true })
  let finished = false
  const packets: PacketWatch[] = []
  let rules: RuleWatch | undefined
  try {
    const { node, ns } = environment
    const machine: Place = { kind: environment.kind, node, name: node }
    const places = [{ place: machine, ns }, ...podsOf(spec, environment)]
    const most = mostPackets + mostPerRequest * ((spec.span ?? 1) - 1)
    const snap = snapOf(spec)
    const what = { filter: filterFor(spec), snap, mostPackets: most, mostBytes: Math.min(most * snap, mostBytes) }
    for (const { place, ns: where } of places) {
      const watch = new PacketWatch(place, where, what, queue)
      open.push(() => watch.close())
      packets.push(watch)
    }
    if (environment.kind === 'node') {
      const watch = new RuleWatch(machine, ns, spec, queue)
      open.push(() => watch.close())
      rules = watch
      const flag = flagFlow(ns, spec)
      open.push(() => flag.closeElsewhere())
    }
    // Of many requests the first was watched alone, and told this.
    for (const { place, ns: where } of spec.span === undefined ? places : []) {
      try {
        queue.push({ kind: 'state', place, state: gatherState(place, where) })
      } catch (error) {
        // The prediction then rests on what the objects say.
        const say = `how its kernel is set up could not be read: ${messageOf(error)}`
        queue.push({ kind: 'lost', place, say })
      }
    }
    queue.push({ kind: 'ready' })
    if (signal.aborted) finish()
    yield* queue
    for (const watch of packets) {
      try {
        yield gatherFacts(watch.place, watch.ns, watch.addresses)
      } catch (error) {
        yield { kind: 'lost', place: watch.place, say: `what its kernel knows could not be read: ${messageOf(error)}` }
      }
    }
    yield { kind: 'end' }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', finish)
    await Promise.all(open.reverse().map(async (close) => close()))
  }

  /** A packet is in its sockets' queues before whoever gets it can answer: what belongs to an answered request is all there. */
  function finish(): void {
    if (finished) return
    finished = true
    try {
      for (const watch of packets) watch.drain()
      rules?.drain()
    } catch (error) {
      queue.fail(error)
    }
    queue.end()
  }
}

function podsOf(
  spec: WatchSpec,
  environment: TraceEnvironment,
): { place: Place; ns: NonNullable<TraceEnvironment['ns']> }[] {
  return spec.pods.flatMap((name) => {
    const ns = environment.podNetns(name)
    return ns ? [{ place: { kind: 'pod' as const, node: environment.node, name }, ns }] : []
  })
}
