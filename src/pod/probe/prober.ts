import type { Container, Probe } from '../../api/objects/pod.ts'
import { runProbe } from './run.ts'
import { delayAfter, firstState, nextState, periodMs, type ProbeKind, type ProbeState, timeoutMs } from './schedule.ts'
import type { ProbeResult, ProbeTarget } from './target.ts'

export interface ProberInput {
  container: Container
  target: ProbeTarget
  /** How long the container has run already: initialDelaySeconds count from its start. */
  ranMs: number
  /** What was so when another agent looked last: an agent's restart makes nothing unready. */
  known: { ready: boolean; started?: boolean } | undefined
  onChange: () => void
  /** An event, in kubelet's words. */
  tell: (reason: 'Unhealthy' | 'ProbeWarning', message: string) => void
  /** A liveness or startup probe gave up. Called once. */
  onFailed: (kind: ProbeKind, probe: Probe) => void
}

/** Runs the probes of one running container until stopped. Liveness and readiness wait until the startup probe has succeeded. */
export class Prober {
  readonly #input: ProberInput
  readonly #startedAt: number
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #states = new Map<ProbeKind, ProbeState>()
  /** It is being ended: only whether it can still serve matters. */
  #ending = false
  #stopped = false

  constructor(input: ProberInput) {
    this.#input = input
    this.#startedAt = performance.now() - input.ranMs
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

  /** The container is asked to end. Readiness goes on: services without any other endpoint still send to it (KEP-1669). */
  ending(): void {
    this.#ending = true
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
    const first = Math.max(performance.now(), this.#startedAt + (probe.initialDelaySeconds ?? 0) * 1000)
    // The container's program needs a moment before it can answer, but a try that fails costs nothing.
    this.#later(Math.max(0, first - performance.now()), () => this.#try(kind, probe, first, first))
  }

  /** `counted` is when the failures of the next period begin to count. */
  async #try(kind: ProbeKind, probe: Probe, due: number, counted: number): Promise<void> {
    if (this.#isOver(kind)) return
    const { target, onChange, onFailed } = this.#input
    const result = await runProbe(probe, target, timeoutMs(probe))
    if (this.#isOver(kind)) return
    const before = this.#states.get(kind) ?? firstState(kind)
    const counts = due >= counted + periodMs(probe) || before.everSucceeded || kind === 'liveness'
    const after = nextState(before, probe, result.outcome, counts)
    this.#states.set(kind, after)
    this.#tell(kind, result, counts)
    if (before.ok !== after.ok) {
      onChange()
      if (kind === 'startup') this.#beginRest()
    }
    const gaveUp = kind === 'startup' ? !after.ok && after.failures >= (probe.failureThreshold ?? 3) : !after.ok
    if (kind !== 'readiness' && gaveUp) {
      this.ending()
      onFailed(kind, probe)
      return
    }
    if (kind === 'startup' && after.ok) return
    const wait = delayAfter(after, kind, probe)
    const next = performance.now() + wait
    this.#later(wait, () => this.#try(kind, probe, next, counts ? due : counted))
  }

  #isOver(kind: ProbeKind): boolean {
    return this.#stopped || (this.#ending && kind !== 'readiness')
  }

  #tell(kind: ProbeKind, { outcome, say }: ProbeResult, counts: boolean): void {
    const name = `${kind[0]?.toUpperCase()}${kind.slice(1)} probe`
    const { tell } = this.#input
    if (outcome === 'warning') tell('ProbeWarning', `${name} warning: ${say}`)
    else if (outcome === 'failure' && counts) tell('Unhealthy', `${name} failed: ${say}`)
    else if (outcome === 'unknown' && counts) tell('Unhealthy', `${name} errored and resulted in unknown state: ${say}`)
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
