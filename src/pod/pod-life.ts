import type { Pod } from '../api/objects/pod.ts'
import { messageOf } from '../base/errors.ts'
import type { ContainerLife } from './container/life.ts'
import { PodContainers } from './containers.ts'
import type { NodeContext } from './context.ts'
import type { Home } from './home.ts'
import { idOf, type PodId, podPaths, type PodPaths } from './paths.ts'
import { PodSandbox } from './sandbox/pod-sandbox.ts'
import { type PodRecord, type SandboxRecord, writeRecord } from './record.ts'
import { referenceTo } from './references.ts'
import { PodReport } from './report.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { type PodFacts, seconds } from './status.ts'
import { type Abilities, tellUnsupported, unsupported } from './unsupported.ts'
import { limitsEmptyDirs } from './volumes/volumes.ts'
import { PodVolumes } from './volumes/volumes.ts'
import { PodWork } from './work.ts'

/**
 * One pod on this node, from its first sight to its removal: what its parts know of each other, of the API and of the agent before. Everything that
 * happens (a change of the pod, an end, a probe, a timer) only pokes its work.
 */
export class PodLife implements Home {
  readonly context: NodeContext
  readonly id: PodId
  readonly paths: PodPaths
  readonly volumes: PodVolumes
  leftOut: readonly string[]
  pod: Pod
  readonly #abilities: Abilities
  readonly #containers: PodContainers
  readonly #sandbox: PodSandbox
  readonly #report: PodReport
  readonly #work: PodWork
  readonly #startTime: string
  readonly #removed = Promise.withResolvers<void>()
  #recorded = ''
  #closed = false

  constructor(context: NodeContext, pod: Pod, record: PodRecord | undefined, gone: (life: PodLife) => void) {
    this.context = context
    this.pod = pod
    this.id = idOf(pod)
    this.paths = podPaths(context.stateDir, this.id)
    this.#abilities = { emptyDirs: limitsEmptyDirs(context.stateDir), missing: context.groups.missing }
    this.leftOut = unsupported(pod.spec, this.#abilities)
    this.#startTime = record?.startTime ?? pod.status?.startTime ?? new Date().toISOString()
    const facts = (): PodFacts => this.#facts()
    this.#report = new PodReport(context, () => this.pod, facts)
    this.volumes = new PodVolumes({
      client: context.client,
      objects: context.objects,
      pod,
      paths: this.paths,
      onChange: () => this.#work.refreshVolumes(),
    })
    this.#sandbox = new PodSandbox(this)
    this.#containers = new PodContainers(this)
    this.#work = new PodWork({
      home: this,
      sandbox: this.#sandbox,
      containers: this.#containers,
      report: this.#report,
      startTime: this.#startTime,
      known: record !== undefined,
      facts,
      record: (sandbox) => this.#record(sandbox),
      detach: () => this.#detach(),
      gone: () => {
        gone(this)
        this.#removed.resolve()
      },
    })
    if (record) this.#adopt(record)
    this.#work.poke()
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox.current
  }

  containers(): ContainerLife[] {
    return this.#containers.all()
  }

  container(name: string): ContainerLife | undefined {
    return this.#containers.byName.get(name)
  }

  /** The pod changed in the API. */
  update(pod: Pod): void {
    this.pod = pod
    this.#report.seen(pod)
    this.#containers.update(pod)
    this.#leaveOut()
    this.#work.poke()
  }

  /** A container that comes later may ask for more that it does not get. Before the first sandbox nothing was told: it tells all. */
  #leaveOut(): void {
    const told = this.leftOut
    this.leftOut = unsupported(this.pod.spec, this.#abilities)
    const fresh = this.leftOut.filter((field) => !told.includes(field))
    if (this.#sandbox.made) tellUnsupported(this, fresh)
  }

  /** The pod is no more in the API: there is nobody to wait for. */
  vanish(): void {
    this.#report.silence()
    this.#work.vanish()
  }

  /** Ends the pod's processes at once and removes what it has here, without a word to the API. */
  stopNow(): Promise<void> {
    this.vanish()
    return this.#removed.promise
  }

  /** Finishes the step that is under way, so that nothing is started and forgotten, and lets go; processes go on. */
  async close(): Promise<void> {
    await this.#work.finish()
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
    this.#work.poke()
  }

  readonly event: Home['event'] = (container, type, reason, message) => {
    this.context.client.event(referenceTo(this.pod, container), type, reason, message)
  }

  #adopt(record: PodRecord): void {
    this.#sandbox.adopt(record)
    this.#containers.adopt(record.containers, this.#sandbox.current?.address ?? this.context.hostIP)
  }

  #detach(): void {
    this.#closed = true
    this.#report.close()
    this.volumes.close()
    this.#containers.detach()
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
      containers: this.#containers.record,
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
      containers: this.#containers.facts,
      ...this.#work.facts,
      leftOut: this.leftOut,
      missing: this.#abilities.missing,
    }
  }
}
