import { keepTimestamps } from '../kernel/timestamps.ts'
import type { LiveSpec } from './live/spec.ts'
import { observeLive } from './live/watch.ts'
import { limited } from './observe/limit.ts'
import type { Observation } from './observation.ts'
import type { TraceEnvironment } from './observe/environment.ts'
import type { WatchSpec } from './observe/spec.ts'
import { observe } from './observe/watch.ts'
import { probe } from './probe/probe.ts'
import type { ProbeResult, ProbeSpec } from './probe/spec.ts'

let stamps: (() => void) | undefined

/** Who watches and sends on one machine: this process, or another one over HTTP (http.ts). */
export interface Agent {
  /** Begins with `ready`, ends with `end`. Aborting asks for the end; what was seen until then still comes. */
  observe(spec: WatchSpec | LiveSpec, signal: AbortSignal): AsyncIterable<Observation>
  probe(spec: ProbeSpec, signal: AbortSignal): Promise<ProbeResult>
}

/** Makes the kernel stamp packets from now on, for as long as this process lives: see {@link keepTimestamps}. */
export function localAgent(environment: TraceEnvironment): Agent {
  stamps ??= keepTimestamps()
  return {
    observe: limited(environment.node, (spec, signal) =>
      'live' in spec ? observeLive(spec, environment, signal) : observe(spec, environment, signal),
    ),
    probe: (spec, signal) => probe(spec, environment, signal),
  }
}
