import { rm } from 'node:fs/promises'
import { ApiError } from '../api/client/client.ts'
import type { Container, Pod } from '../api/objects/pod.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import { ContainerLife } from './container/life.ts'
import type { NodeContext } from './context.ts'
import { endContainers } from './ending.ts'
import { ensureContainers } from './ensure.ts'
import { graceMsOf } from './grace.ts'
import type { Home } from './home.ts'
import { idOf, type PodId, podPaths, type PodPaths } from './paths.ts'
import { isOver, phaseOf } from './phase.ts'
import { PodSandbox } from './sandbox/pod-sandbox.ts'
import { type PodRecord, type SandboxRecord, writeRecord } from './record.ts'
import { referenceTo } from './references.ts'
import { PodReport } from './report.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { type PodFacts, seconds } from './status.ts'
import { all, Steps } from './steps.ts'
import { type Abilities, tellUnsupported, unsupported } from './unsupported.ts'
import { limitsEmptyDirs } from './volumes/volumes.ts'
import { PodVolumes } from './volumes/volumes.ts'

/**
 * One pod on this node, from its first sight to its removal. Everything that happens (a change of the pod, an end, a probe, a timer) only pokes
 * it; one step at a time then looks at what is so and does what is missing.
 */
export class PodLife implements Home {
  readonly context: NodeContext
  readonly id: PodId
  readonly paths: PodPaths
  readonly volumes: PodVolumes
  leftOut: readonly string[]
  pod: Pod
  readonly #abilities: Abilities
  readonly #containers: Map<string, ContainerLife>
  readonly #sandbox: PodSandbox
  readonly #report: PodReport
  readonly #steps: Steps
  readonly #startTime: string
  readonly #gone: (life: PodLife) => void
  readonly #removed = Promise.withResolvers<void>()
  #volumesStale = true
  #failed: { reason: string; message: string } | undefined
  /** It is being ended: deleted, or to be stopped. */
  #ending = false
  /** The API has it no more. */
  #vanished = false
  #leaving: 'waiting' | 'left' | undefined
  /** This agent, or the one before it, has run it. */
  #known: boolean
  #recorded = ''
  #closed = false

  constructor(context: NodeContext, pod: Pod, record: PodRecord | undefined, gone: (life: PodLife) => void) {
    this.context = context
    this.pod = pod
    this.id = idOf(pod)
    this.paths = podPaths(context.stateDir, this.id)
    this.#abilities = { emptyDirs: limitsEmptyDirs(context.stateDir), missing: context.groups.missing }
    this.leftOut = unsupported(pod.spec, this.#abilities)
    this.#gone = gone
    this.#startTime = record?.startTime ?? pod.status?.startTime ?? new Date().toISOString()
    this.#report = new PodReport(
      context,
      () => this.pod,
      () => this.#facts(),
    )
    this.volumes = new PodVolumes({
      client: context.client,
      objects: context.objects,
      pod,
      paths: this.paths,
      onChange: () => {
        this.#volumesStale = true
        this.#steps.poke()
      },
    })
    this.#steps = new Steps({
      ready: context.adopted,
      step: () => this.#step(),
      failed: (error) => this.#tellFailure(error),
    })
    this.#sandbox = new PodSandbox(this)
    this.#containers = new Map(specsOf(pod).map((spec) => [spec.name, new ContainerLife(this, spec)]))
    this.#known = record !== undefined
    if (record) this.#adopt(record)
    this.#steps.poke()
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox.current
  }

  containers(): ContainerLife[] {
    return [...this.#containers.values()]
  }

  container(name: string): ContainerLife | undefined {
    return this.#containers.get(name)
  }

  /** The pod changed in the API. */
  update(pod: Pod): void {
    this.pod = pod
    this.#report.seen(pod)
    for (const spec of specsOf(pod)) {
      const life = this.#containers.get(spec.name)
      if (life) life.spec = spec
      else this.#containers.set(spec.name, new ContainerLife(this, spec))
    }
    this.#leaveOut()
    this.#steps.poke()
  }

  /** A container that comes later may ask for more that it does not get. Before the first sandbox nothing was told: it tells all. */
  #leaveOut(): void {
    const told = this.leftOut
    this.leftOut = unsupported(this.pod.spec, this.#abilities)
    if (this.#sandbox.made)
      tellUnsupported(
        this,
        this.leftOut.filter((field) => !told.includes(field)),
      )
  }

  /** The pod is no more in the API: there is nobody to wait for. */
  vanish(): void {
    this.#vanished = true
    this.#report.silence()
    this.#steps.poke()
  }

  /** Ends the pod's processes at once and removes what it has here, without a word to the API. */
  stopNow(): Promise<void> {
    this.vanish()
    return this.#removed.promise
  }

  /** Finishes the step that is under way, so that nothing is started and forgotten, and lets go; processes go on. */
  async close(): Promise<void> {
    await this.#steps.finish()
    this.#detach()
  }

  readonly changed = (): void => {
    if (this.#closed) return
    try {
      this.#record()
    } catch (error) {
      // A full disk: the pods go on, and what is not written down is found again as a stray.
      this.context.log.error({ pod: this.id.name, error: messageOf(error) }, 'the record of a pod cannot be written')
    }
    this.#report.soon()
    this.#steps.poke()
  }

  readonly event: Home['event'] = (container, type, reason, message) => {
    this.context.client.event(referenceTo(this.pod, container), type, reason, message)
  }

  async #step(): Promise<void> {
    if (this.#vanished || this.pod.metadata.deletionTimestamp !== undefined) return this.#remove()
    if (this.#over()) return this.#settle()
    if (this.#pastDeadline()) return
    if (this.#sandbox.ended) await this.#replaceSandbox()
    await all([this.#makeVolumes(), ...(this.#sandbox.current ? [] : [this.#makeSandbox()])])
    this.#report.soon()
    const sandbox = this.#sandbox.current
    if (sandbox) {
      const wakeIn = (ms: number): void => this.#steps.wakeIn(ms)
      await ensureContainers({ home: this, sandbox, containers: this.#containers, graceMs: this.#graceMs(), wakeIn })
    }
    this.#report.soon()
    if (this.#over()) await this.#settle()
    if (this.volumes.renewAt !== undefined) this.#steps.wakeIn(this.volumes.renewAt - Date.now())
  }

  async #makeVolumes(): Promise<void> {
    const { renewAt = Number.POSITIVE_INFINITY } = this.volumes
    if (!this.#volumesStale && Date.now() < renewAt) return
    this.#volumesStale = false
    try {
      await this.volumes.prepare()
    } catch (error) {
      this.#volumesStale = true
      throw error
    }
  }

  async #makeSandbox(): Promise<void> {
    this.#known = true
    await this.#sandbox.make((sandbox) => this.#record(sandbox))
  }

  /** Pause is gone, and with it the pod's network: everything in it has to be made anew, init containers too. */
  async #replaceSandbox(): Promise<void> {
    this.#tellSandboxChanged()
    await this.#stopAll(0)
    await this.#sandbox.drop()
    for (const spec of specsOf(this.pod)) {
      const life = this.#containers.get(spec.name)
      life?.forgive()
      if (this.pod.spec.initContainers?.includes(spec)) life?.renew()
    }
  }

  #tellSandboxChanged(): void {
    this.event(undefined, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
  }

  #stopAll(graceMs: number): Promise<void> {
    return endContainers(this.pod, this.#containers, graceMs)
  }

  #running(): boolean {
    return this.containers().some((one) => one.running)
  }

  #over(): boolean {
    return isOver(phaseOf(this.pod, this.#facts()))
  }

  /** A pod that is over keeps its logs and its place in the API, and nothing else. */
  async #settle(): Promise<void> {
    void this.#stopAll(this.#graceMs())
    if (this.#running()) return
    await this.#sandbox.drop()
    await this.context.groups.remove(this.id.uid)
    await this.volumes.remove()
    // Without a record this agent knows less of it than the API does.
    if (!this.#known) return
    this.#record()
    this.#report.soon()
  }

  #pastDeadline(): boolean {
    const { activeDeadlineSeconds } = this.pod.spec
    if (activeDeadlineSeconds === undefined) return false
    const left = Date.parse(this.#startTime) + activeDeadlineSeconds * 1000 - Date.now()
    if (left > 0) {
      this.#steps.wakeIn(left)
      return false
    }
    const message = 'Pod was active on the node longer than the specified deadline'
    this.#failed = { reason: 'DeadlineExceeded', message }
    this.event(undefined, 'Normal', 'DeadlineExceeded', message)
    this.changed()
    return true
  }

  /** Deleted: end what runs, give back what it had, and say so. */
  async #remove(): Promise<void> {
    const running = this.containers().filter((one) => one.running)
    if (!this.#ending)
      for (const { spec } of running) this.event(spec, 'Normal', 'Killing', `Stopping container ${spec.name}`)
    this.#ending = true
    this.#report.soon()
    if (running.length > 0 && !this.#left()) return
    // A later wish can shorten the grace while they end; each end pokes.
    void this.#stopAll(this.#graceMs())
    if (this.#running()) return
    await this.#sandbox.drop()
    await this.context.groups.remove(this.id.uid)
    await this.volumes.remove()
    if (!this.#vanished) {
      await this.#report.now()
      await this.#deleteObject()
    }
    this.#steps.end()
    this.#detach()
    for (const path of [this.paths.dir, this.paths.logs]) await rm(path, { recursive: true, force: true })
    this.#gone(this)
    this.#removed.resolve()
  }

  /** Whether services have let go of the pod, so that nobody's request meets a container that ends. Pokes when they have. */
  #left(): boolean {
    if (this.#leaving === 'left' || this.#graceMs() === 0) return true
    if (this.#leaving === undefined)
      void this.context.endpoints.left(this.id, this.#graceMs()).then(() => {
        this.#leaving = 'left'
        this.#steps.poke()
      })
    this.#leaving = 'waiting'
    return false
  }

  /** The API's own word: the pod is gone. */
  async #deleteObject(): Promise<void> {
    const { name, namespace, uid } = this.id
    try {
      await this.context.client.delete('Pod', name, namespace, { gracePeriodSeconds: 0, uid })
    } catch (error) {
      // Gone already, or another pod has the name now: just what was wanted.
      if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error
    }
  }

  #graceMs(): number {
    // Also one that was ending already, and has now been deleted by force.
    return this.#vanished ? 0 : graceMsOf(this.pod, Date.now())
  }

  #adopt(record: PodRecord): void {
    const whole = this.#sandbox.adopt(record)
    const address = this.#sandbox.current?.address ?? this.context.hostIP
    for (const [name, one] of Object.entries(record.containers)) this.#containers.get(name)?.adopt(one, address)
    if (whole || this.#over()) return
    this.#tellSandboxChanged()
    void this.#stopAll(0)
    for (const container of this.containers()) container.forgive()
  }

  #detach(): void {
    this.#closed = true
    this.#report.close()
    this.volumes.close()
    for (const container of this.containers()) container.detach()
    this.#sandbox.detach()
  }

  /** `sandbox` is one that is being made. */
  #record(sandbox?: SandboxRecord): void {
    if (this.#closed) return
    const record: PodRecord = {
      version: 1,
      ...this.id,
      ...this.#sandbox.record,
      ...(sandbox && { sandbox }),
      startTime: this.#startTime,
      containers: Object.fromEntries(this.containers().map((life) => [life.spec.name, life.record])),
    }
    const text = JSON.stringify(record)
    if (text === this.#recorded) return
    writeRecord(this.paths.record, text)
    this.#recorded = text
  }

  #facts(): PodFacts {
    return {
      hostIP: this.context.hostIP,
      startTime: seconds(this.#startTime),
      sandbox: this.#sandbox.current !== undefined && !this.#sandbox.ended,
      podIP: this.#sandbox.address,
      containers: new Map(this.containers().map((life) => [life.spec.name, life.facts])),
      ending: this.#ending,
      failed: this.#failed,
      leftOut: this.leftOut,
    }
  }

  #tellFailure(error: unknown): void {
    const known = error instanceof KubehopError ? error : undefined
    const say = known ? known.message.slice(`${known.room}: ${known.op}: `.length) : messageOf(error)
    this.event(undefined, 'Warning', known && eventReasons.has(known.code) ? known.code : 'FailedSync', say)
    if (known?.code === 'FailedMount')
      for (const one of this.containers()) if (!one.ended) one.wait('ContainerCreating', say)
    const { namespace, name } = this.id
    this.context.log.warn(
      { pod: `${namespace}/${name}`, error: messageOf(error) },
      'a step of a pod failed; trying again',
    )
    this.#report.soon()
  }
}

function specsOf({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

const eventReasons = new Set(['FailedMount', 'FailedCreatePodSandBox'])
