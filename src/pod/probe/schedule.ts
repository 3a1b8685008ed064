import type { Probe } from '../../api/objects/pod.ts'
import type { ProbeOutcome } from './target.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

/** Where a probe stands. */
export interface ProbeState {
  /** The verdict: a readiness or startup probe begins with false, a liveness probe with true. */
  ok: boolean
  successes: number
  failures: number
  /** How often it was tried before its first success. */
  tries: number
  everSucceeded: boolean
}

export function firstState(kind: ProbeKind): ProbeState {
  return { ok: kind === 'liveness', successes: 0, failures: 0, tries: 0, everSucceeded: false }
}

/**
 * After one result; one that is unknown changes nothing, as in kubelet. `counts` is false for the extra tries between two periods (see {@link delayAfter}): their failures mean nothing, so
 * that failureThreshold still counts periods.
 */
export function nextState(state: ProbeState, probe: Probe, outcome: ProbeOutcome, counts: boolean): ProbeState {
  const tries = state.tries + 1
  if (outcome === 'unknown' || outcome === 'gone' || (outcome === 'failure' && !counts)) return { ...state, tries }
  if (outcome !== 'failure') {
    const successes = state.successes + 1
    const ok = state.ok || successes >= (probe.successThreshold ?? 1)
    return { ok, successes, failures: 0, tries, everSucceeded: true }
  }
  const failures = state.failures + 1
  const ok = state.ok && failures < (probe.failureThreshold ?? 3)
  return { ...state, ok, successes: 0, failures, tries }
}

const firstRetryMs = 100
/** Most programs listen within a second of their start. */
const evenTries = 10

/**
 * How long to wait before the next try. kubelet lets a container that was not quite there at the first look wait for a whole period. Until
 * the first success a readiness or startup probe is tried again every 100 ms for a second, then after 200 ms, 400 ms, ... instead, never later
 * than its period.
 */
export function delayAfter(state: ProbeState, kind: ProbeKind, probe: Probe): number {
  const period = periodMs(probe)
  if (kind === 'liveness' || state.everSucceeded) return period
  return Math.min(firstRetryMs * 2 ** Math.min(Math.max(state.tries - evenTries, 0), 20), period)
}

export function periodMs(probe: Probe): number {
  return (probe.periodSeconds ?? 10) * 1000
}

export function timeoutMs(probe: Probe): number {
  return (probe.timeoutSeconds ?? 1) * 1000
}
