import { rm } from 'node:fs/promises'
import { ApiError } from '../api/client/client.ts'
import type { ObjectReference } from '../api/objects/meta.ts'
import type { Container, Pod, PodSpec } from '../api/objects/pod.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import { goDuration } from './backoff.ts'
import { ContainerLife, type Home } from './container-life.ts'
import type { NodeContext } from './context.ts'
import { hostnameOf } from './files.ts'
import { idOf, type PodId, podPaths, type PodPaths } from './paths.ts'
import { writePodFiles } from './pod-files.ts'
import { pullVerdict } from './pull.ts'
import { type PodRecord, type SandboxRecord, writeRecord } from './record.ts'
import { adoptSandbox, forget, type Sandbox, startSandbox, stopSandbox } from './sandbox.ts'
import { initDone, phaseOf, type PodFacts, statusOf } from './status.ts'
import { StatusWriter } from './status-writer.ts'
import { PodVolumes } from './volumes/volumes.ts'

const firstRetryMs = 500
const slowestRetryMs = 60_000
const usualGraceSeconds = 30

/**
 * One pod on this node, from its first sight to its removal. Everything that happens (a change of the pod, an end, a probe, a timer) only pokes
 * it; one step at a time then looks at what is so and does what is missing.
 */
export class PodLife implements Home {
  readonly context: NodeContext
  readonly id: PodId
  readonly paths: PodPaths
  readonly volumes: PodVolumes
  pod: Pod
  readonly #containers = new Map<string, ContainerLife>()
  readonly #status: StatusWriter
  readonly #startTime: string
  readonly #gone: (life: PodLife) => void
  #sandbox: Sandbox | undefined
  #sandboxes = 0
  /** Left in the network by a sandbox that is no more. */
  #leftovers: string[] = []
  #failed: { reason: string; message: string } | undefined
  #podIP: string | undefined
  #ending = false
  #vanished = false
  #hurried = false
  readonly #removed = Promise.withResolvers<void>()
  #known = false
  #recorded = ''
  #finished = false
  #closed = false
  #busy = false
  #closing = false
  #idle: Promise<void> | undefined
  #again = false
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #volumesStale = true
  #reportScheduled = false
  #toldBackoff = new Map<string, number>()

  constructor(context: NodeContext, pod: Pod, record: PodRecord | undefined, gone: (life: PodLife) => void) {
    this.context = context
    this.pod = pod
    this.id = idOf(pod)
    this.paths = podPaths(context.stateDir, this.id)
    this.#gone = gone
    this.#startTime = record?.startTime ?? pod.status?.startTime ?? new Date().toISOString()
    this.#podIP = pod.status?.podIP
    this.#status = new StatusWriter(context.client, context.log)
    this.volumes = new PodVolumes({
      client: context.client,
      objects: context.objects,
      pod,
      paths: this.paths,
      hostIPs: [context.hostIP],
      log: context.log,
      onChange: () => this.#volumesChanged(),
    })
    for (const spec of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
      this.#containers.set(spec.name, new ContainerLife(this, spec))
    this.#known = record !== undefined
    if (record) this.#adopt(record)
    this.poke()
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox
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
    if (!this.#finished) this.#status.seen(pod)
    for (const spec of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const life = this.#containers.get(spec.name)
      if (life) life.spec = spec
    }
    this.poke()
  }

  /** The pod is no more in the API: there is nobody to wait for. */
  vanish(): void {
    this.#vanished = true
    this.poke()
  }

  changed(): void {
    if (this.#closed) return
    try {
      this.#record()
    } catch (error) {
      // A full disk: the pods go on, and what is not written down is found again as a stray.
      this.context.log.error({ pod: this.id.name, error: messageOf(error) }, 'the record of a pod cannot be written')
    }
    this.#report()
    this.poke()
  }

  event(container: Container | undefined, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { metadata, spec } = this.pod
    const field = spec.initContainers?.some(({ name }) => name === container?.name) ? 'initContainers' : 'containers'
    const about: ObjectReference = {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: metadata.namespace ?? 'default',
      name: metadata.name,
      uid: this.id.uid,
      ...(container && { fieldPath: `spec.${field}{${container.name}}` }),
    }
    this.context.client.event(about, type, reason, message)
  }

  /** Finishes the step that is under way, so that nothing is started and forgotten, and lets go; processes go on. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#idle
    this.#detach()
  }

  #detach(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#status.close()
    this.volumes.close()
    for (const container of this.#containers.values()) container.detach()
    this.#sandbox?.pause.close()
  }

  /** Ends the pod's processes at once and removes what it has here, without a word to the API. */
  stopNow(): Promise<void> {
    this.#hurried = true
    this.vanish()
    return this.#removed.promise
  }

  poke(): void {
    if (this.#closed || this.#closing) return
    this.#again = true
    if (!this.#busy) this.#idle = this.#run()
  }

  async #run(): Promise<void> {
    this.#busy = true
    await this.context.adopted
    while (this.#again && !this.#closed && !this.#closing) {
      this.#again = false
      // What comes together is looked at once, and everybody else gets a turn.
      await new Promise(setImmediate)
      if (this.#closing) break
      try {
        await this.#step()
        this.#failures = 0
      } catch (error) {
        this.#failures++
        this.#tellFailure(error)
        this.#wakeIn(Math.min(firstRetryMs * 2 ** (this.#failures - 1), slowestRetryMs))
      }
    }
    // In the same turn as the loop's last look: a poke is either seen by it or begins anew.
    this.#busy = false
  }

  async #step(): Promise<void> {
    if (this.#finished) return
    const { deletionTimestamp } = this.pod.metadata
    if (this.#vanished || deletionTimestamp !== undefined) return this.#remove()
    if (this.#over()) return this.#settle()
    if (this.#pastDeadline()) return
    if (this.#sandbox && this.#sandboxEnded) await this.#replaceSandbox()
    await all([this.#sandbox ? undefined : this.#makeSandbox(), this.#makeVolumes()])
    this.#report()
    await this.#makeContainers()
    this.#report()
    if (this.#over()) await this.#settle()
    const renewal = this.volumes.renewAt
    if (renewal !== undefined) this.#wakeIn(renewal - Date.now())
  }

  async #makeVolumes(): Promise<void> {
    const { renewAt = Number.POSITIVE_INFINITY } = this.volumes
    if (!this.#volumesStale && Date.now() < renewAt) return
    this.#volumesStale = false
    try {
      await this.volumes.prepare(this.#podIP === undefined ? [] : [this.#podIP])
    } catch (error) {
      this.#volumesStale = true
      throw error
    }
  }

  async #makeContainers(): Promise<void> {
    for (const spec of this.pod.spec.initContainers ?? []) {
      const life = this.#containers.get(spec.name)
      if (!life) continue
      if (initDone(spec, life.facts) && spec.restartPolicy !== 'Always') continue
      // Init containers ran for this sandbox; once the pod's own containers run they are not looked at again.
      await this.#ensure(life, spec.restartPolicy === 'Always' ? 'Always' : this.#initPolicy())
      if (!initDone(spec, life.facts)) return
    }
    const policy = this.pod.spec.restartPolicy ?? 'Always'
    await all(
      this.pod.spec.containers.map(async ({ name }) => {
        const life = this.#containers.get(name)
        if (life) await this.#ensure(life, policy)
      }),
    )
  }

  /** An init container that failed is tried again unless the pod is never restarted. */
  #initPolicy(): 'OnFailure' | 'Never' {
    return this.pod.spec.restartPolicy === 'Never' ? 'Never' : 'OnFailure'
  }

  async #ensure(life: ContainerLife, policy: 'Always' | 'OnFailure' | 'Never'): Promise<void> {
    const { spec } = life
    if (life.running) {
      if (life.image === spec.image) return
      this.event(spec, 'Normal', 'Killing', `Container ${spec.name} definition changed, will be restarted`)
      life.forgive()
      void life.stop(this.#graceMs())
      return
    }
    const { ended } = life
    if (ended && (policy === 'Never' || (policy === 'OnFailure' && ended.exitCode === 0))) return
    const verdict = pullVerdict(spec, life.waitingFor)
    if (verdict) {
      for (const { type, reason, message } of verdict.events) this.event(spec, type, reason, message)
      life.wait(verdict.reason, verdict.message)
      if (verdict.againInMs !== undefined) this.#wakeIn(verdict.againInMs)
      return
    }
    const wait = life.dueAt - Date.now()
    if (wait > 0) {
      this.#tellBackoff(life)
      this.#wakeIn(wait)
      return
    }
    const sandbox = this.#sandbox
    if (!sandbox) return
    const refused = life.waitingFor?.reason === configError ? life.waitingFor : undefined
    const rest = refused ? this.#configRetryMs - refused.ms : 0
    if (rest > 0) {
      this.#wakeIn(rest)
      return
    }
    if (!ended && !refused) life.wait('ContainerCreating')
    try {
      await life.start(sandbox)
    } catch (error) {
      if (!(error instanceof KubehopError) || error.code !== configError) throw error
      const say = error.message.slice(`${error.room}: `.length)
      if (!refused) this.event(spec, 'Warning', 'Failed', `Error: ${say}`)
      life.wait(error.code, say)
      life.waitAnew()
      this.#wakeIn(this.#configRetryMs)
    }
  }

  /** What lacks, a ConfigMap perhaps, often comes with the same `kubectl apply`. */
  get #configRetryMs(): number {
    return Math.min(this.context.backoff.firstMs, 2000)
  }

  #tellBackoff(life: ContainerLife): void {
    const { spec } = life
    const what = `restarting failed container=${spec.name} pod=${this.pod.metadata.name}_${this.id.namespace}(${this.id.uid})`
    life.wait('CrashLoopBackOff', `back-off ${goDuration(life.delay)} ${what}`)
    if (this.#toldBackoff.get(spec.name) === life.dueAt) return
    this.#toldBackoff.set(spec.name, life.dueAt)
    const name = `${this.pod.metadata.name}_${this.id.namespace}(${this.id.uid})`
    this.event(spec, 'Warning', 'BackOff', `Back-off restarting failed container ${spec.name} in pod ${name}`)
  }

  #sandboxEnded = false

  async #makeSandbox(): Promise<void> {
    const { context, pod } = this
    for (const id of this.#leftovers.splice(0)) forget(id, context.network, context.log)
    let sandbox: Sandbox
    try {
      sandbox = await startSandbox({
        title: `${this.id.namespace}/${this.id.name}`,
        nodename: hostnameOf(pod, context.zone).nodename,
        hostNetwork: pod.spec.hostNetwork === true,
        hostIP: context.hostIP,
        network: context.network,
        note: (record) => this.#record(record),
      })
    } catch (error) {
      const say = `Failed to create pod sandbox: ${messageOf(error)}`
      throw new KubehopError('pod', 'sandbox', 'FailedCreatePodSandBox', say, { cause: error })
    }
    this.#hold(sandbox)
    this.#sandboxes++
    this.#known = true
    const ignored = unsupported(pod.spec)
    if (this.#sandboxes === 1 && ignored.length > 0)
      this.event(undefined, 'Warning', 'Unsupported', `not supported here and left out: ${ignored.join(', ')}`)
    const warnings = writePodFiles(context, pod, sandbox.address ?? context.hostIP, this.paths)
    for (const warning of warnings) this.event(undefined, 'Warning', 'DNSConfigForming', warning)
    this.#record()
    this.#report()
  }

  #hold(sandbox: Sandbox): void {
    this.#sandbox = sandbox
    this.#sandboxEnded = false
    this.#podIP = sandbox.address
    void sandbox.pause.ended.then(() => {
      if (this.#sandbox !== sandbox || this.#ending) return
      this.#sandboxEnded = true
      this.changed()
    })
  }

  /** Pause is gone, and with it the pod's network: everything in it has to be made anew. */
  async #replaceSandbox(): Promise<void> {
    this.event(undefined, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
    await this.#stopAll(0)
    await this.#dropSandbox()
    for (const container of this.#containers.values()) container.forgive()
  }

  async #dropSandbox(): Promise<void> {
    const { context } = this
    for (const id of this.#leftovers.splice(0)) forget(id, context.network, context.log)
    const sandbox = this.#sandbox
    this.#sandbox = undefined
    if (sandbox) await stopSandbox(sandbox, context.network, context.log)
  }

  async #stopAll(graceMs: number): Promise<void> {
    await Promise.all([...this.#containers.values()].map((container) => container.stop(graceMs)))
  }

  #running(): boolean {
    return [...this.#containers.values()].some((one) => one.running)
  }

  #over(): boolean {
    const phase = phaseOf(this.#podWithStatus(), this.#facts())
    return phase === 'Succeeded' || phase === 'Failed'
  }

  /** A pod that is over keeps its logs and its place in the API, and nothing else. */
  async #settle(): Promise<void> {
    void this.#stopAll(this.#graceMs())
    if (this.#running()) return
    await this.#dropSandbox()
    await this.volumes.remove()
    // Without a record this agent knows less of it than the API does.
    if (!this.#known) return
    this.#record()
    this.#report()
  }

  #pastDeadline(): boolean {
    const { activeDeadlineSeconds } = this.pod.spec
    if (activeDeadlineSeconds === undefined) return false
    const left = Date.parse(this.#startTime) + activeDeadlineSeconds * 1000 - Date.now()
    if (left > 0) {
      this.#wakeIn(left)
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
    const first = !this.#ending
    this.#ending = true
    for (const container of this.#containers.values())
      if (first && container.running)
        this.event(container.spec, 'Normal', 'Killing', `Stopping container ${container.spec.name}`)
    // A later wish can shorten the grace while they end; each end pokes.
    void this.#stopAll(this.#graceMs())
    this.#report()
    if (this.#running()) return
    await this.#dropSandbox()
    await this.volumes.remove()
    if (!this.#vanished) {
      this.#tell()
      await this.#status.settled()
      await this.#deleteObject()
    }
    this.#finished = true
    this.#detach()
    for (const path of [this.paths.dir, this.paths.logs]) await rm(path, { recursive: true, force: true })
    this.#gone(this)
    this.#removed.resolve()
  }

  async #deleteObject(): Promise<void> {
    const { name, namespace } = this.pod.metadata
    try {
      await this.context.client.delete('Pod', name, namespace, { gracePeriodSeconds: 0, uid: this.id.uid })
    } catch (error) {
      // Gone already, or another pod has the name now: just what was wanted.
      if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error
    }
  }

  #graceMs(): number {
    const { deletionTimestamp, deletionGracePeriodSeconds } = this.pod.metadata
    if (this.#hurried) return 0
    const seconds = deletionGracePeriodSeconds ?? this.pod.spec.terminationGracePeriodSeconds ?? usualGraceSeconds
    if (this.#vanished && deletionTimestamp === undefined) return 0
    if (deletionTimestamp === undefined) return seconds * 1000
    // The API counts the grace from the wish; an agent that comes later has only the rest of it.
    // It is written without fractions, so up to a second of the grace is not in it.
    return Math.max(0, Math.min(seconds * 1000, Date.parse(deletionTimestamp) + 1000 - Date.now()))
  }

  #adopt(record: PodRecord): void {
    this.#sandboxes = record.sandboxes
    const { sandbox } = record
    const adopted = sandbox && adoptSandbox(sandbox, this.context.network)
    if (adopted) this.#hold(adopted)
    else if (sandbox) this.#leftovers.push(sandbox.id)
    for (const [name, one] of Object.entries(record.containers))
      this.#containers.get(name)?.adopt(one, adopted?.address ?? this.context.hostIP)
    if (!adopted && sandbox && !this.#over()) {
      this.event(undefined, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      for (const container of this.#containers.values()) void container.stop(0)
    }
  }

  #record(sandbox: SandboxRecord | undefined = this.#sandbox?.record): void {
    if (this.#finished || this.#closed) return
    const containers: PodRecord['containers'] = {}
    for (const [name, life] of this.#containers) containers[name] = life.record
    const record: PodRecord = {
      version: 1,
      ...this.id,
      ...(sandbox && { sandbox }),
      sandboxes: this.#sandboxes,
      startTime: this.#startTime,
      containers,
    }
    const text = JSON.stringify(record)
    if (text === this.#recorded) return
    writeRecord(this.paths.record, text)
    this.#recorded = text
  }

  #facts(): PodFacts {
    const containers = new Map([...this.#containers].map(([name, life]) => [name, life.facts]))
    return {
      hostIP: this.context.hostIP,
      startTime: `${this.#startTime.slice(0, 19)}Z`,
      sandbox: this.#sandbox !== undefined && !this.#sandboxEnded,
      podIP: this.#podIP,
      containers,
      ending: this.#ending,
      failed: this.#failed,
    }
  }

  /** What happens in one turn is told in one write. */
  #report(): void {
    if (this.#reportScheduled || this.#closed) return
    this.#reportScheduled = true
    setImmediate(() => {
      this.#reportScheduled = false
      if (!this.#finished && !this.#vanished) this.#tell()
    })
  }

  #tell(): void {
    const pod = this.#podWithStatus()
    this.#status.put(this.pod, statusOf(pod, this.#facts(), new Date().toISOString()))
  }

  /** With the conditions that were told last, which may not have come back yet. */
  #podWithStatus(): Pod {
    const told = this.#status.conditions
    if (!told) return this.pod
    const types = new Set(told.map(({ type }) => type))
    const others = (this.pod.status?.conditions ?? []).filter(({ type }) => !types.has(type))
    return { ...this.pod, status: { ...this.pod.status, conditions: [...told, ...others] } }
  }

  #volumesChanged(): void {
    this.#volumesStale = true
    this.poke()
  }

  #tellFailure(error: unknown): void {
    const say =
      error instanceof KubehopError ? error.message.slice(`${error.room}: ${error.op}: `.length) : messageOf(error)
    const reason = error instanceof KubehopError && eventReasons.has(error.code) ? error.code : 'FailedSync'
    this.event(undefined, 'Warning', reason, say)
    this.context.log.warn(
      { pod: `${this.id.namespace}/${this.id.name}`, error: messageOf(error) },
      'a step of a pod failed; trying again',
    )
    this.#report()
  }

  #wakeAt = Number.POSITIVE_INFINITY

  /** The earliest wish wins; every step states its wishes anew. */
  #wakeIn(ms: number): void {
    const at = Date.now() + Math.max(0, ms)
    if (this.#timer && at >= this.#wakeAt) return
    clearTimeout(this.#timer)
    this.#wakeAt = at
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#wakeAt = Number.POSITIVE_INFINITY
        this.poke()
      },
      Math.min(Math.max(1, ms), longestTimerMs),
    )
  }
}

/** Waits for all, also when one fails: a step leaves nothing going on behind it. */
async function all(parts: (Promise<void> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) if (result.status === 'rejected') throw result.reason
}

/** What a pod asks for and does not get. Better a word now than a search later. */
function unsupported(spec: PodSpec): string[] {
  const list: string[] = []
  if (spec.shareProcessNamespace === true) list.push('shareProcessNamespace')
  if (spec.hostPID === true) list.push('hostPID')
  if (spec.hostIPC === true) list.push('hostIPC')
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  for (const { name, resources, tty, stdin } of containers) {
    if (Object.keys(resources?.['limits'] ?? {}).length > 0) list.push(`resources.limits of container ${name}`)
    if (tty === true) list.push(`tty of container ${name}`)
    if (stdin === true) list.push(`stdin of container ${name}`)
  }
  return list
}

const configError = 'CreateContainerConfigError'
const longestTimerMs = 2 ** 31 - 1
const eventReasons = new Set(['FailedMount', 'FailedCreatePodSandBox'])
