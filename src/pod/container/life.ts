import type { Container, EphemeralContainer } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Process } from '../../kernel/process.ts'
import type { Home } from '../home.ts'
import { type Available, ContainerImage } from '../image/container-image.ts'
import { removeLog } from '../log/rotation.ts'
import type { ProbeTarget } from '../probe/target.ts'
import type { ContainerRecord, Ending } from '../record.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { ContainerFacts } from '../status.ts'
import type { Attachment } from './attach.ts'
import { endingMessage } from './ending-message.ts'
import type { ExecOptions, Execution } from './exec.ts'
import { execIn, runToEnd } from './exec-in.ts'
import { Health, type HealthInput } from './health.ts'
import { History } from './history.ts'
import { tellingHook } from './hook.ts'
import { adoptInstance, logPathOf, startInstance } from './instance.ts'
import { prepareContainer } from './prepare.ts'
import type { ContainerRun } from './run.ts'
import { stopSignal } from './stop-signal.ts'
import { Stopping } from './stopping.ts'

/** One container of a pod, over all its instances. */
export class ContainerLife {
  spec: Container
  /** Where its image comes from. */
  readonly source: ContainerImage
  readonly #home: Home
  readonly #history: History
  #run: ContainerRun | undefined
  #health: Health | undefined
  /** Of the instance that runs, when this agent started it. */
  #env: ReadonlyMap<string, string> | undefined
  /** Of its image, likewise. */
  #lease: Disposable | undefined
  #stopping: Stopping | undefined
  #address = ''

  constructor(home: Home, spec: Container) {
    this.#home = home
    this.spec = spec
    this.#history = new History(home.context.backoff)
    this.source = new ContainerImage(home, (reason, message) => this.wait(reason, message))
  }

  get running(): boolean {
    return this.#run !== undefined
  }

  get ended(): Ending | undefined {
    return this.#history.ended
  }

  /** The image of the instance that runs. */
  get image(): string | undefined {
    return this.#run?.record.image
  }

  /** It runs, and has been asked to end. */
  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** It runs, and its postStart hook is not done yet. */
  get starting(): boolean {
    return this.#health?.starting === true
  }

  get facts(): ContainerFacts {
    const run = this.starting ? undefined : this.#run
    return {
      ...this.#history.facts,
      ...(run && { running: { startedAt: run.record.startedAt } }),
      started: this.#health?.started === true,
      ready: this.#health?.ready === true,
    }
  }

  get record(): ContainerRecord {
    return { ...this.#history.record, ...(this.#run && { run: this.#run.record }) }
  }

  /** When it may be started again, as Date.now() counts. */
  get dueAt(): number {
    return this.#history.dueAt
  }

  /** The delay that {@link dueAt} comes from, in milliseconds. */
  get delay(): number {
    return this.#history.delay
  }

  get waitingFor(): { reason: string; ms: number } | undefined {
    return this.#history.waitingFor
  }

  /** Why it does not run although it shall. */
  wait(reason: string, message?: string): void {
    if (!this.#run && this.#history.wait(reason, message)) this.#home.changed()
  }

  /** The time that {@link waitingFor} tells begins now. */
  waitAnew(): void {
    this.#history.waitAnew()
  }

  /** There will be a new sandbox, without a delay. `again`: an init container has to run once more in it. */
  renew(again: boolean): void {
    this.#history.renew(again)
  }

  /** The next restart does not wait: what ended it was not its own doing. */
  forgive(): void {
    this.#history.forgive()
  }

  /** Starts an instance. Throws CreateContainerConfigError; an instance that the kernel refused counts as one that ended. */
  async start(sandbox: Sandbox, { local: image, say }: Available, target?: () => Process | undefined): Promise<void> {
    const { context, pod } = this.#home
    const { spec } = this
    const address = sandbox.address ?? context.hostIP
    // From here on nobody takes the image's files away.
    using lease = new DisposableStack()
    if (image) lease.use(image.use())
    const { what, root, warnings } = await prepareContainer(this.#home, spec, image, address)
    const holding = context.groups.holding(pod, spec)
    for (const warning of warnings) this.#home.event(spec, 'Warning', 'InvalidVariableNames', warning)
    if (say !== undefined) this.#home.event(spec, 'Normal', 'Pulled', say)
    const seen = target?.()
    if (target && !seen) throw notThere(spec)
    const attempt = this.#history.next()
    if (attempt >= 2) removeLog(logPathOf(this.#home, spec, attempt - 2))
    try {
      const instance = { spec, attempt, image, what, root, holding, sandbox, target: seen }
      const run = await startInstance(this.#home, instance)
      this.#home.event(spec, 'Normal', 'Created', `Created container: ${spec.name}`)
      this.#home.event(spec, 'Normal', 'Started', `Started container ${spec.name}`)
      this.source.used()
      this.#env = what.env
      this.#lease = lease.move()
      this.#begin(run, address, { hook: spec.lifecycle?.postStart, known: undefined })
    } catch (error) {
      this.#history.refused(messageOf(error))
      this.#home.event(spec, 'Warning', 'Failed', `Error: ${messageOf(error)}`)
    }
    this.#home.changed()
  }

  /** Goes on with what another agent left. */
  adopt(record: ContainerRecord, address: string): void {
    this.#history.restore(record)
    if (!record.run) return
    const run = adoptInstance(this.#home, this.spec, record.run)
    const { containerStatuses = [], initContainerStatuses = [] } = this.#home.pod.status ?? {}
    const known = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === this.spec.name)
    this.#begin(run, address, { hook: undefined, known })
  }

  /** Ends it: its hook, its signal when `turn` has come, SIGKILL after the grace. A second call can only make it sooner. Fulfilled at its end. */
  stop(graceMs: number, turn: Promise<void> = Promise.resolve()): Promise<void> {
    const run = this.#run
    this.source.close()
    if (!run) return Promise.resolve()
    this.#health?.ending()
    if (this.#stopping) this.#stopping.hasten(graceMs)
    else {
      const { preStop: hook } = this.spec.lifecycle ?? {}
      const ask = { name: 'PreStop' as const, target: this.#target(), ended: run.ended }
      this.#stopping = new Stopping({
        run,
        graceMs,
        turn,
        signal: stopSignal(this.spec, run.record.from?.stopSignal),
        preStop: hook && ((timeoutMs) => tellingHook(this.#home, { ...ask, hook, timeoutMs })),
      })
    }
    return this.#stopping.done
  }

  /** Starts one more process beside its first. Throws Invalid when it does not run. */
  exec(options: ExecOptions): Promise<Execution> {
    return execIn(this.#home, this.spec, this.#run?.init, this.#env, this.#run?.record.from, options)
  }

  /** Its own streams from now on. Throws Invalid when it does not run. */
  attach(stdin: boolean): Attachment {
    if (!this.#run) throw new KubehopError('pod', 'attach', 'Invalid', `container ${this.spec.name} is not running`)
    return this.#run.attach(stdin)
  }

  /** Where an instance's log lies, and who still writes it. */
  log(previous: boolean): { path: string; writer: ContainerRun['log'] | undefined } | undefined {
    const { restarts, id } = this.#history
    const path = (attempt: number): string => logPathOf(this.#home, this.spec, attempt)
    if (previous) return restarts > 0 ? { path: path(restarts - 1), writer: undefined } : undefined
    return id === undefined ? undefined : { path: path(restarts), writer: this.#run?.log }
  }

  /** Its first process, while it runs. */
  get init(): Process | undefined {
    return this.#run?.init
  }

  /** Lets go; the instance goes on. */
  detach(): void {
    this.#stopping?.forget()
    this.#health?.stop()
    this.source.close()
    this.#run?.detach()
    // The shim holds the image, too.
    this.#lease?.[Symbol.dispose]()
  }

  #begin(run: ContainerRun, address: string, { hook, known }: Pick<HealthInput, 'hook' | 'known'>): void {
    this.#run = run
    this.#address = address
    this.#history.begun(run.record)
    const end = (graceMs: number): void => void this.stop(graceMs)
    this.#health = new Health({ home: this.#home, run, target: this.#target(), hook, known, end })
    void run.ended.then((ending) => this.#over(run, ending))
  }

  #over(run: ContainerRun, ending: Ending): void {
    if (this.#run !== run) return
    this.#stopping?.forget()
    this.#health?.stop()
    this.#lease?.[Symbol.dispose]()
    this.#run = undefined
    this.#health = undefined
    this.#stopping = undefined
    const { terminationLog } = this.#home.paths.container(this.spec.name)
    const log = logPathOf(this.#home, this.spec, this.#history.restarts)
    const message = endingMessage(ending, this.spec, terminationLog, log)
    this.#history.over({ ...ending, ...(message !== '' && { message }) })
    this.#home.changed()
  }

  #target(): ProbeTarget {
    const exec: ProbeTarget['exec'] = (command, timeoutMs) => runToEnd(this.exec({ command }), timeoutMs)
    return { container: this.spec, podIP: this.#address, exec }
  }
}

function notThere({ name, targetContainerName = '' }: EphemeralContainer): KubehopError {
  const say = `its target container ${targetContainerName} does not run`
  return new KubehopError('pod', `container ${name}`, 'CreateContainerConfigError', say)
}
