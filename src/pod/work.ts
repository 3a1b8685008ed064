import { rm } from 'node:fs/promises'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { PodContainers } from './containers.ts'
import { ensureContainers } from './ensure.ts'
import { graceMsOf } from './grace.ts'
import type { Home } from './home.ts'
import { isOver, phaseOf } from './phase.ts'
import type { SandboxRecord } from './record.ts'
import { deleteObject, Leaving } from './removal.ts'
import type { PodReport } from './report.ts'
import type { PodSandbox } from './sandbox/pod-sandbox.ts'
import type { PodFacts } from './status.ts'
import { all, Steps } from './steps.ts'

export interface PodWorkInput {
  home: Home
  sandbox: PodSandbox
  containers: PodContainers
  report: PodReport
  startTime: string
  /** This agent, or the one before it, has run the pod. */
  known: boolean
  facts: () => PodFacts
  /** Writes down how things stand; `sandbox` is one that is being made. */
  record: (sandbox?: SandboxRecord) => void
  /** Lets go of everything: the pod is removed. */
  detach: () => void
  gone: () => void
}

/** What is to be done for one pod: each step looks at what is so and does what is missing. */
export class PodWork {
  readonly #input: PodWorkInput
  readonly #steps: Steps
  readonly #leaving: Leaving
  #known: boolean
  #volumesStale = true
  #failed: PodFacts['failed']
  #ending = false
  #vanished = false

  constructor(input: PodWorkInput) {
    const { context, id } = input.home
    this.#input = input
    this.#known = input.known
    this.#steps = new Steps({
      ready: context.adopted,
      step: () => this.#step(),
      failed: (error) => this.#tellFailure(error),
    })
    this.#leaving = new Leaving(context.endpoints, id, () => this.#steps.poke())
  }

  /** `ending`: deleted, or to be stopped. `failed`: ended by this node for a reason of its own. */
  get facts(): Pick<PodFacts, 'ending' | 'failed'> {
    return { ending: this.#ending, failed: this.#failed }
  }

  poke(): void {
    this.#steps.poke()
  }

  /** Something that a volume shows changed. */
  refreshVolumes(): void {
    this.#volumesStale = true
    this.#steps.poke()
  }

  /** The API has the pod no more: there is nobody to wait for. */
  vanish(): void {
    this.#vanished = true
    this.#steps.poke()
  }

  /** Finishes the step that is under way, so that nothing is started and forgotten. */
  finish(): Promise<void> {
    return this.#steps.finish()
  }

  isOver(): boolean {
    return isOver(phaseOf(this.#input.home.pod, this.#input.facts()))
  }

  async #step(): Promise<void> {
    const { home, sandbox, containers, report } = this.#input
    if (this.#vanished || home.pod.metadata.deletionTimestamp !== undefined) return this.#remove()
    if (this.isOver()) return this.#settle()
    if (this.#pastDeadline()) return
    if (sandbox.ended) await this.#leaveSandbox()
    if (this.isOver()) return this.#settle()
    await all([this.#makeVolumes(), ...(sandbox.current ? [] : [this.#makeSandbox()])])
    report.soon()
    const { current } = sandbox
    if (current) {
      const wakeIn = (ms: number): void => this.#steps.wakeIn(ms)
      const graceMs = this.#graceMs()
      await ensureContainers({ home, sandbox: current, containers: containers.byName, graceMs, wakeIn })
    }
    report.soon()
    if (this.isOver()) await this.#settle()
    const { renewAt } = home.volumes
    if (renewAt !== undefined) this.#steps.wakeIn(renewAt - Date.now())
  }

  async #makeVolumes(): Promise<void> {
    const { volumes } = this.#input.home
    if (!this.#volumesStale && Date.now() < (volumes.renewAt ?? Number.POSITIVE_INFINITY)) return
    this.#volumesStale = false
    try {
      await volumes.prepare()
    } catch (error) {
      this.#volumesStale = true
      throw error
    }
  }

  async #makeSandbox(): Promise<void> {
    this.#known = true
    void this.#input.home.context.groups.expect()
    await this.#input.sandbox.make((sandbox) => this.#input.record(sandbox))
  }

  /**
   * Pause is gone, and with it the pod's network: everything in it has to be made anew, init containers too. A pod that starts nothing again gets
   * no other sandbox (podSandboxChanged and computePodActions, k8s.io/kubernetes/pkg/kubelet/kuberuntime).
   */
  async #leaveSandbox(): Promise<void> {
    const { home, sandbox, containers } = this.#input
    await containers.end(0)
    if (this.isOver()) return
    home.event(undefined, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
    await sandbox.drop()
    containers.renew()
  }

  /** A pod that is over keeps its logs and its place in the API, and nothing else. */
  async #settle(): Promise<void> {
    void this.#input.containers.end(this.#graceMs())
    if (this.#input.containers.running().length > 0) return
    await this.#giveBack()
    // Without a record this agent knows less of it than the API does.
    if (!this.#known) return
    this.#input.record()
    this.#input.report.soon()
  }

  /** What it had of the machine, once nothing of it runs. */
  async #giveBack(): Promise<void> {
    const { home, sandbox } = this.#input
    await sandbox.drop()
    await home.context.groups.remove(home.id.uid)
    await home.volumes.remove()
  }

  #pastDeadline(): boolean {
    const { home, startTime } = this.#input
    const { activeDeadlineSeconds } = home.pod.spec
    if (activeDeadlineSeconds === undefined) return false
    const left = Date.parse(startTime) + activeDeadlineSeconds * 1000 - Date.now()
    if (left > 0) {
      this.#steps.wakeIn(left)
      return false
    }
    const message = 'Pod was active on the node longer than the specified deadline'
    this.#failed = { reason: 'DeadlineExceeded', message }
    home.event(undefined, 'Normal', 'DeadlineExceeded', message)
    home.changed()
    return true
  }

  /** Deleted: end what runs, give back what it had, and say so. */
  async #remove(): Promise<void> {
    const { home, containers, report, detach, gone } = this.#input
    const running = containers.running()
    if (!this.#ending)
      for (const { spec } of running) home.event(spec, 'Normal', 'Killing', `Stopping container ${spec.name}`)
    this.#ending = true
    report.soon()
    if (running.length > 0 && !this.#leaving.over(this.#graceMs())) return
    // A later wish can shorten the grace while they end; each end pokes.
    void containers.end(this.#graceMs())
    if (containers.running().length > 0) return
    await this.#giveBack()
    if (!this.#vanished) {
      await report.now()
      await deleteObject(home.context.client, home.id)
    }
    this.#steps.end()
    detach()
    // The record goes last of all: whoever is killed in between leaves it to the next.
    for (const path of [home.paths.logs, home.paths.dir]) await rm(path, { recursive: true, force: true })
    gone()
  }

  #graceMs(): number {
    // Also one that was ending already, and has now been deleted by force.
    return this.#vanished ? 0 : graceMsOf(this.#input.home.pod, Date.now())
  }

  #tellFailure(error: unknown): void {
    const { home, containers, report } = this.#input
    const known = error instanceof KubehopError ? error : undefined
    const say = known ? known.message.slice(`${known.room}: ${known.op}: `.length) : messageOf(error)
    home.event(undefined, 'Warning', known && eventReasons.has(known.code) ? known.code : 'FailedSync', say)
    if (known?.code === 'FailedMount')
      for (const one of containers.all()) if (!one.ended) one.wait('ContainerCreating', say)
    const pod = `${home.id.namespace}/${home.id.name}`
    home.context.log.warn({ pod, error: messageOf(error) }, 'a step of a pod failed; trying again')
    report.soon()
  }
}

const eventReasons = new Set(['FailedMount', 'FailedCreatePodSandBox'])
