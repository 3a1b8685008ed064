import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Container, EphemeralContainer, LifecycleHandler, PodSpec, Probe } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Process } from '../../kernel/process.ts'
import { countedAfter, delayBefore } from '../backoff.ts'
import type { Becoming } from './become.ts'
import { execIn, runToEnd } from './exec-in.ts'
import type { Attachment } from './attach.ts'
import type { ProcessesSeen } from './program.ts'
import { adoptRun, type ContainerRun, startRun } from './run.ts'
import { streamsOf } from './run-streams.ts'
import { originOf, prepareContainer } from './prepare.ts'
import { endingMessage } from './ending-message.ts'
import type { ExecOptions, Execution } from './exec.ts'
import { readable } from './readable.ts'
import type { Home } from '../home.ts'
import { stopSignal } from './stop-signal.ts'
import { type HookName, tellingHook } from './hook.ts'
import { removeLog } from '../log/rotation.ts'
import { type ContainerPaths, startingIn } from '../paths.ts'
import { type Available, ContainerImage } from '../image/container-image.ts'
import { overlayOp } from '../root/image-root.ts'
import { Prober } from '../probe/prober.ts'
import type { ProbeTarget } from '../probe/target.ts'
import type { ContainerRecord, Ending, RunOrigin } from '../record.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { sharingOf } from '../sandbox/sandbox-program.ts'
import type { ContainerFacts } from '../status.ts'
import { Stopping } from './stopping.ts'

/** One container of a pod, over all its instances. */
export class ContainerLife {
  spec: Container
  /** Where its image comes from. */
  readonly source: ContainerImage
  readonly #home: Home
  readonly #paths: ContainerPaths
  #run: ContainerRun | undefined
  #what: Becoming | undefined
  #prober: Prober | undefined
  #restarts = 0
  #counted = 0
  #id: string | undefined
  #from: RunOrigin | undefined
  /** Of the image of the instance that runs, when this agent started it. */
  #lease: Disposable | undefined
  #ended: Ending | undefined
  #last: Ending | undefined
  #waiting: { reason: string; message?: string } | undefined
  #stopping: Stopping | undefined
  #waitingSince = 0
  #closed = false
  #address = ''

  constructor(home: Home, spec: Container) {
    this.#home = home
    this.spec = spec
    this.#paths = home.paths.container(spec.name)
    this.source = new ContainerImage(home, (reason, message) => this.wait(reason, message))
  }

  get running(): boolean {
    return this.#run !== undefined
  }

  get ended(): Ending | undefined {
    return this.#ended
  }

  /** The image of the instance that runs. */
  get image(): string | undefined {
    return this.#run?.record.image
  }

  /** It runs, and its postStart hook is not done yet. */
  get starting(): boolean {
    return this.#run !== undefined && this.#prober === undefined
  }

  get facts(): ContainerFacts {
    const run = this.starting ? undefined : this.#run
    return {
      restarts: this.#restarts,
      ...(this.#id !== undefined && { id: this.#id }),
      ...(this.#from && { from: this.#from }),
      ...(run && { running: { startedAt: run.record.startedAt } }),
      ...(!run && this.#waiting && { waiting: this.#waiting }),
      ...(this.#ended && { ended: this.#ended }),
      ...(this.#last && { last: this.#last }),
      started: run !== undefined && this.#prober?.started === true,
      ready: run !== undefined && this.#prober?.ready === true,
    }
  }

  get record(): ContainerRecord {
    return {
      restarts: this.#restarts,
      ...(this.#run && { run: this.#run.record }),
      ...(this.#ended && { ended: this.#ended }),
      ...(this.#last && { last: this.#last }),
    }
  }

  /** When it may be started again, as Date.now() counts. */
  get dueAt(): number {
    if (!this.#ended) return 0
    return Date.parse(this.#ended.finishedAt) + delayBefore(this.#counted, this.#home.context.backoff)
  }

  /** The delay that {@link dueAt} comes from, in milliseconds. */
  get delay(): number {
    return delayBefore(this.#counted, this.#home.context.backoff)
  }

  /** Why it does not run although it shall. */
  wait(reason: string, message?: string): void {
    if (this.#run || (this.#waiting?.reason === reason && this.#waiting.message === message)) return
    this.#waitingSince = Date.now()
    this.#waiting = { reason, ...(message !== undefined && { message }) }
    this.#home.changed()
  }

  /** The time that {@link waitingFor} tells begins now. */
  waitAnew(): void {
    this.#waitingSince = Date.now()
  }

  get waitingFor(): { reason: string; ms: number } | undefined {
    return this.#waiting && { reason: this.#waiting.reason, ms: Date.now() - this.#waitingSince }
  }

  /** Of an init container: it has to run once more, for a new sandbox. */
  renew(): void {
    if (!this.#ended) return
    this.#last = this.#ended
    this.#ended = undefined
    this.#restarts++
  }

  /** The next restart does not wait: what ended it was not its own doing. */
  forgive(): void {
    this.#counted = 0
  }

  /** Starts an instance. Throws CreateContainerConfigError; an instance that the kernel refused counts as one that ended. */
  async start(sandbox: Sandbox, { local, say }: Available, target?: () => Process | undefined): Promise<void> {
    const { context, pod } = this.#home
    const { spec } = this
    const address = sandbox.address ?? context.hostIP
    // From here on nobody takes the image's files away.
    using lease = new DisposableStack()
    if (local) lease.use(local.use())
    const { what, root, warnings } = await prepareContainer(this.#home, spec, local, address)
    const holding = context.groups.holding(pod, spec)
    for (const warning of warnings) this.#home.event(spec, 'Warning', 'InvalidVariableNames', warning)
    if (say !== undefined) this.#home.event(spec, 'Normal', 'Pulled', say)
    const seen = target?.()
    if (target && !seen) throw notThere(spec)
    if (this.#ended) {
      this.#restarts++
      this.#last = this.#ended
    }
    const attempt = this.#restarts
    this.#dropLog(attempt - 2)
    try {
      const run = await startRun({
        title: `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}/${spec.name}`,
        image: spec.image ?? '',
        from: local && originOf(local, what),
        attempt,
        paths: this.#paths,
        logPath: this.#logPath(attempt),
        what,
        root,
        streams: streamsOf(spec),
        processes: processesOf(spec, pod.spec),
        target: seen,
        group: await context.groups.make(this.#home.id.uid, spec.name, holding),
        bounds: holding.bounds,
        pause: sandbox.pause,
        starting: startingIn(context.stateDir),
        log: context.log,
      })
      this.#home.event(spec, 'Normal', 'Created', `Created container: ${spec.name}`)
      this.#home.event(spec, 'Normal', 'Started', `Started container ${spec.name}`)
      this.#what = what
      this.source.used()
      this.#begin(run, address)
      this.#lease = lease.move()
      const { postStart } = spec.lifecycle ?? {}
      if (postStart) void this.#afterStart(run, postStart)
      else this.#prober = this.#probe(run, undefined)
    } catch (error) {
      this.#refused(readable(error, what))
    }
    this.#home.changed()
  }

  /** Goes on with what another agent left. */
  adopt(record: ContainerRecord, address: string): void {
    this.#restarts = record.restarts
    this.#counted = record.restarts
    this.#last = record.last
    this.#ended = record.ended
    this.#id = record.ended?.id
    if (!record.run) return
    const logPath = this.#logPath(record.run.attempt)
    const wishes = {
      streams: streamsOf(this.spec),
      processes: processesOf(this.spec, this.#home.pod.spec),
      group: this.#home.context.groups.open(this.#home.id.uid, this.spec.name),
    }
    const run = adoptRun(record.run, this.#paths, wishes, logPath, this.#home.context.log)
    const { containerStatuses = [], initContainerStatuses = [] } = this.#home.pod.status ?? {}
    const known = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === this.spec.name)
    this.#begin(run, address)
    this.#prober = this.#probe(run, known)
  }

  /**
   * Ends the instance: its hook, its signal when `turn` has come, and after the grace SIGKILL. A second call can only make it sooner. Fulfilled
   * when it has ended.
   */
  stop(graceMs: number, turn: Promise<void> = Promise.resolve()): Promise<void> {
    const run = this.#run
    this.source.close()
    if (!run) return Promise.resolve()
    this.#prober?.ending()
    if (this.#stopping) this.#stopping.hasten(graceMs)
    else {
      const { preStop } = this.spec.lifecycle ?? {}
      const hook = preStop && ((timeoutMs: number) => this.#runHook(run, 'PreStop', preStop, timeoutMs))
      this.#stopping = new Stopping({
        run,
        graceMs,
        turn,
        signal: stopSignal(this.spec, run.record.from?.stopSignal),
        preStop: hook,
      })
    }
    return this.#stopping.done
  }

  /** Starts one more process beside its first. Throws Invalid when it does not run. */
  exec(options: ExecOptions): Promise<Execution> {
    return execIn(this.#home, this.spec, this.#run?.init, this.#what?.env, this.#run?.record.from, options)
  }

  /** Its own streams from now on. Throws Invalid when it does not run. */
  attach(stdin: boolean): Attachment {
    if (!this.#run) throw new KubehopError('pod', 'attach', 'Invalid', `container ${this.spec.name} is not running`)
    return this.#run.attach(stdin)
  }

  /** Where an instance's log lies, and who still writes it. */
  log(previous: boolean): { path: string; writer: ContainerRun['log'] | undefined } | undefined {
    if (previous) return this.#restarts > 0 ? { path: this.#logPath(this.#restarts - 1), writer: undefined } : undefined
    if (this.#id === undefined) return undefined
    return { path: this.#logPath(this.#restarts), writer: this.#run?.log }
  }

  /** Its first process, while it runs. */
  get init(): Process | undefined {
    return this.#run?.init
  }

  /** Lets go; the instance goes on. */
  detach(): void {
    this.#closed = true
    this.#stopping?.forget()
    this.#prober?.stop()
    this.source.close()
    this.#run?.detach()
    // The shim holds the image, too.
    this.#lease?.[Symbol.dispose]()
  }

  #begin(run: ContainerRun, address: string): void {
    this.#run = run
    this.#from = run.record.from
    this.#id = run.record.id
    this.#ended = undefined
    this.#waiting = undefined
    this.#address = address
    this.#prober = undefined
    void run.ended.then((ending) => this.#over(run, ending))
  }

  /** Until its hook is done a container does not count as one that runs, and is not probed. */
  async #afterStart(run: ContainerRun, postStart: LifecycleHandler): Promise<void> {
    const done = await this.#runHook(run, 'PostStart', postStart)
    if (this.#run !== run || this.#closed) return
    if (!done && !this.#stopping) {
      this.#home.event(this.spec, 'Normal', 'Killing', 'FailedPostStartHook')
      return this.stop(this.#graceMs())
    }
    this.#prober = this.#probe(run, undefined)
    if (this.#stopping) this.#prober.ending()
    this.#home.changed()
  }

  #runHook(run: ContainerRun, name: HookName, hook: LifecycleHandler, timeoutMs?: number): Promise<boolean> {
    return tellingHook(this.#home, { name, hook, target: this.#target(), ended: run.ended, timeoutMs })
  }

  #over(run: ContainerRun, ending: Ending): void {
    if (this.#run !== run) return
    this.#stopping?.forget()
    this.#prober?.stop()
    this.#lease?.[Symbol.dispose]()
    this.#run = undefined
    this.#stopping = undefined
    const ranMs = Date.parse(ending.finishedAt) - Date.parse(ending.startedAt)
    this.#counted = countedAfter(this.#counted, ranMs, this.#home.context.backoff)
    const message = endingMessage(ending, this.spec, this.#paths.terminationLog, this.#logPath(this.#restarts))
    this.#ended = { ...ending, ...(message !== '' && { message }) }
    this.#home.changed()
  }

  /** The kernel, or the file system, did not let it start: to people this is a run that failed at once. */
  #refused(error: unknown): void {
    const now = new Date().toISOString()
    const message = `failed to start container "${this.spec.name}": ${messageOf(error)}${remedyOf(error)}`
    this.#id = randomBytes(32).toString('hex')
    this.#counted = countedAfter(this.#counted, 0, this.#home.context.backoff)
    this.#waiting = undefined
    this.#ended = {
      id: this.#id,
      exitCode: startErrorCode,
      reason: 'StartError',
      message,
      startedAt: now,
      finishedAt: now,
    }
    this.#home.event(this.spec, 'Warning', 'Failed', `Error: ${message}`)
  }

  #probe(run: ContainerRun, known: { ready: boolean; started?: boolean } | undefined): Prober {
    return new Prober({
      container: this.spec,
      target: this.#target(),
      known,
      ranMs: Date.now() - Date.parse(run.record.startedAt),
      onChange: () => this.#home.changed(),
      tell: (reason, message) => this.#home.event(this.spec, 'Warning', reason, message),
      onFailed: (kind, probe) => this.#unhealthy(run, kind, probe),
    })
  }

  #unhealthy(run: ContainerRun, kind: string, probe: Probe): void {
    if (this.#run !== run) return
    this.#home.event(
      this.spec,
      'Normal',
      'Killing',
      `Container ${this.spec.name} failed ${kind} probe, will be restarted`,
    )
    void this.stop(this.#graceMs(probe.terminationGracePeriodSeconds))
  }

  /** When it is ended for a reason of its own, and not with its pod. */
  #graceMs(own?: number): number {
    return (own ?? this.#home.pod.spec.terminationGracePeriodSeconds ?? 30) * 1000
  }

  #target(): ProbeTarget {
    const exec = (command: string[], timeoutMs: number): ReturnType<ProbeTarget['exec']> =>
      runToEnd(this.exec({ command }), timeoutMs)
    return { container: this.spec, podIP: this.#address, exec }
  }

  #logPath(attempt: number): string {
    return join(this.#home.paths.logs, this.spec.name, `${attempt}.log`)
  }

  #dropLog(attempt: number): void {
    if (attempt >= 0) removeLog(this.#logPath(attempt))
  }
}

/** An ephemeral container may see the processes of another one, where those of the whole pod are not everybody's anyway. */
function processesOf({ targetContainerName }: EphemeralContainer, spec: PodSpec): ProcessesSeen {
  const { processes } = sharingOf(spec)
  return processes === 'own' && targetContainerName ? 'target' : processes
}

function notThere({ name, targetContainerName = '' }: EphemeralContainer): KubehopError {
  const say = `its target container ${targetContainerName} does not run`
  return new KubehopError('pod', `container ${name}`, 'CreateContainerConfigError', say)
}

const startErrorCode = 128

function remedyOf(error: unknown): string {
  if (!(error instanceof KubehopError) || error.room !== 'kernel') return ''
  if (error.op === overlayOp)
    return '. This kernel refuses an overlay file system here: images need one (Linux 5.11 or newer, where not forbidden); "image: host" does not'
  if (error.op === 'mount /proc' && error.code === 'EPERM')
    return '. Parts of /proc are hidden here (a container without its own user namespace does that), so no new one can be mounted'
  return ''
}
