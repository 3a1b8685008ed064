import type { Container, Probe } from '../../api/objects/pod.ts'
import { runProbe, type ProbeTarget } from './run.ts'
import { delayAfter, firstState, nextState, periodMs, type ProbeKind, type ProbeState, timeoutMs } from './schedule.ts'

export interface ProberInput {
  container: Container
  target: ProbeTarget
  /** How long the container has run already: an adopted one does not wait for initialDelaySeconds again. */
  ranMs: number
  /** What was so when another agent looked last: an agent's restart makes nothing unready. */
  known: { ready: boolean; started?: boolean } | undefined
  onChange: () => void
  onUnhealthy: (kind: ProbeKind, say: string) => void
  /** A liveness or startup probe gave up. Called once. */
  onFailed: (kind: ProbeKind, probe: Probe) => void
}

/** Runs the probes of one running container until stopped. Liveness and readiness wait until the startup probe has succeeded. */
export class Prober {
  readonly #input: ProberInput
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #states = new Map<ProbeKind, ProbeState>()
  #stopped = false

  constructor(input: ProberInput) {
    this.#input = input
    const { startupProbe } = input.container
    if (startupProbe && input.known?.started === true) {
      this.#states.set('startup', { ...firstState('startup'), ok: true, everSucceeded: true })
      this.#beginRest()
    } else if (startupProbe) this.#begin('startup', startupProbe)
    else this.#beginRest()
  }

  get started(): boolean {
    return this.#input.container.startupProbe === undefined || this.#states.get('startup')?.ok === true
  }

  get ready(): boolean {
    if (!this.started) return false
    return this.#input.container.readinessProbe === undefined || this.#states.get('readiness')?.ok === true
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #beginRest(): void {
    const { livenessProbe, readinessProbe } = this.#input.container
    if (livenessProbe) this.#begin('liveness', livenessProbe)
    if (readinessProbe) this.#begin('readiness', readinessProbe)
  }

  #begin(kind: ProbeKind, probe: Probe): void {
    const ready = kind === 'readiness' && this.#input.known?.ready === true
    this.#states.set(kind, ready ? { ...firstState(kind), ok: true, everSucceeded: true } : firstState(kind))
    const wait = Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - this.#input.ranMs)
    const first = performance.now() + wait
    // The container's program needs a moment before it can answer, but a try that fails costs nothing.
    this.#later(wait, () => this.#try(kind, probe, first, first))
  }

  /** `counted` is when the failures of the next period begin to count. */
  async #try(kind: ProbeKind, probe: Probe, due: number, counted: number): Promise<void> {
    const { target, onChange, onFailed, onUnhealthy } = this.#input
    const { ok, say } = await runProbe(probe, target, timeoutMs(probe))
    if (this.#stopped) return
    const before = this.#states.get(kind) ?? firstState(kind)
    const counts = due >= counted + periodMs(probe) || before.everSucceeded || kind === 'liveness'
    const after = nextState(before, probe, ok, counts)
    this.#states.set(kind, after)
    if (!ok && counts) onUnhealthy(kind, say)
    if (before.ok !== after.ok) {
      onChange()
      if (kind === 'startup') this.#beginRest()
    }
    const gaveUp = kind === 'startup' ? !after.ok && after.failures >= (probe.failureThreshold ?? 3) : !after.ok
    if (kind !== 'readiness' && gaveUp) {
      this.stop()
      onFailed(kind, probe)
      return
    }
    if (kind === 'startup' && after.ok) return
    const wait = delayAfter(after, kind, probe)
    const next = performance.now() + wait
    this.#later(wait, () => this.#try(kind, probe, next, counts ? due : counted))
  }

  #later(ms: number, body: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      // runProbe never rejects, and the callbacks only note what happened.
      void body()
    }, ms)
    this.#timers.add(timer)
  }
}
