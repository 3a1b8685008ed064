import type { LifecycleHandler, Probe } from '../../api/objects/pod.ts'
import type { Home } from '../home.ts'
import { Prober } from '../probe/prober.ts'
import type { ProbeTarget } from '../probe/target.ts'
import { tellingHook } from './hook.ts'
import type { ContainerRun } from './run.ts'

export interface HealthInput {
  home: Home
  run: ContainerRun
  /** Whom its hook and its probes ask. */
  target: ProbeTarget
  /** Its postStart hook; undefined also when another agent has run it. */
  hook: LifecycleHandler | undefined
  /** What was so when another agent looked last. */
  known: { ready: boolean; started?: boolean } | undefined
  /** Ends the instance, which is not well. */
  end: (graceMs: number) => void
}

/** How an instance that runs is: until its postStart hook is done it does not count as one that runs, then its probes tell. */
export class Health {
  readonly #input: HealthInput
  #prober: Prober | undefined
  #ending = false
  #stopped = false

  constructor(input: HealthInput) {
    this.#input = input
    if (input.hook) void this.#afterStart(input.hook)
    else this.#prober = this.#probe()
  }

  /** Its hook is not done yet. */
  get starting(): boolean {
    return this.#prober === undefined
  }

  get started(): boolean {
    return this.#prober?.started === true
  }

  get ready(): boolean {
    return this.#prober?.ready === true
  }

  /** It is asked to end: only whether it can still serve matters. */
  ending(): void {
    this.#ending = true
    this.#prober?.ending()
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.#stopped = true
    this.#prober?.stop()
  }

  async #afterStart(hook: LifecycleHandler): Promise<void> {
    const { home, run, target, end } = this.#input
    const done = await tellingHook(home, { name: 'PostStart', hook, target, ended: run.ended })
    if (this.#stopped) return
    if (!done && !this.#ending) {
      home.event(target.container, 'Normal', 'Killing', 'FailedPostStartHook')
      return end(ownGraceMs(home))
    }
    this.#prober = this.#probe()
    if (this.#ending) this.#prober.ending()
    home.changed()
  }

  #probe(): Prober {
    const { home, run, target, known } = this.#input
    return new Prober({
      container: target.container,
      target,
      known,
      ranMs: Date.now() - Date.parse(run.record.startedAt),
      onChange: () => home.changed(),
      tell: (reason, message) => home.event(target.container, 'Warning', reason, message),
      onFailed: (kind, probe) => this.#unhealthy(kind, probe),
    })
  }

  #unhealthy(kind: string, probe: Probe): void {
    const { home, target, end } = this.#input
    if (this.#stopped) return
    const say = `Container ${target.container.name} failed ${kind} probe, will be restarted`
    home.event(target.container, 'Normal', 'Killing', say)
    end(ownGraceMs(home, probe.terminationGracePeriodSeconds))
  }
}

/** Of an instance that is ended for a reason of its own, and not with its pod. */
function ownGraceMs({ pod }: Home, own?: number): number {
  return (own ?? pod.spec.terminationGracePeriodSeconds ?? 30) * 1000
}
