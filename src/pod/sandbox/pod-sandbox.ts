import { codeOf, KubehopError, messageOf } from '../../base/errors.ts'
import { hostnameOf } from './files.ts'
import type { Home } from '../home.ts'
import { cableWishes } from './cable-wishes.ts'
import { writePodFiles } from './pod-files.ts'
import type { PodRecord, SandboxRecord } from '../record.ts'
import { adoptSandbox, forget, type Sandbox, startSandbox, stopSandbox } from './sandbox.ts'
import { sharingOf } from './sandbox-program.ts'
import { sysctlsOf } from './sysctls.ts'
import { tellUnsupported } from '../unsupported.ts'

/** The sandboxes of one pod, one at a time. */
export class PodSandbox {
  readonly #home: Home
  #current: Sandbox | undefined
  #ended = false
  #count = 0
  #address: string | undefined
  /** Left in the network by sandboxes that are no more. */
  readonly #leftovers: string[] = []

  constructor(home: Home) {
    this.#home = home
    this.#address = home.pod.status?.podIP
  }

  get current(): Sandbox | undefined {
    return this.#current
  }

  /** There has been one, with this agent or the one before it. */
  get made(): boolean {
    return this.#count > 0
  }

  /** Pause has ended by itself: what lives in the sandbox has no network any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** The pod's address, also after its sandbox has gone. */
  get address(): string | undefined {
    return this.#address
  }

  get record(): Pick<PodRecord, 'sandbox' | 'sandboxes'> {
    return { ...(this.#current && { sandbox: this.#current.record }), sandboxes: this.#count }
  }

  /** Goes on with the sandbox of a record. False when there was one and it is gone. */
  adopt({ sandbox, sandboxes }: PodRecord): boolean {
    this.#count = sandboxes
    const adopted = sandbox && adoptSandbox(sandbox, this.#home.context.network)
    if (adopted) this.#hold(adopted)
    else if (sandbox) this.#leftovers.push(sandbox.id)
    return adopted !== undefined || sandbox === undefined
  }

  /** `note` is told of the sandbox before it is whole. */
  async make(note: (record: SandboxRecord) => void): Promise<void> {
    const { context, pod, id, paths } = this.#home
    this.#forgetLeftovers()
    const sharing = sharingOf(pod.spec)
    let sandbox: Sandbox
    try {
      sandbox = await startSandbox({
        title: `${id.namespace}/${id.name}`,
        nodename: hostnameOf(pod, context.zone).nodename,
        sharing,
        pids: context.groups.namespacePids,
        hostIP: context.hostIP,
        network: context.network,
        wishes: sharing.hostNetwork ? {} : cableWishes(pod),
        sysctls: sysctlsOf(pod.spec).own,
        note,
      })
    } catch (error) {
      const say = `Failed to create pod sandbox: ${messageOf(error)}${remedyOf(error)}`
      throw new KubehopError('pod', 'sandbox', 'FailedCreatePodSandBox', say, { cause: error })
    }
    this.#hold(sandbox)
    if (++this.#count === 1) tellUnsupported(this.#home, this.#home.leftOut)
    const warnings = writePodFiles(context, pod, sandbox.address ?? context.hostIP, paths)
    for (const warning of warnings) this.#home.event(undefined, 'Warning', 'DNSConfigForming', warning)
    this.#home.changed()
  }

  /** Its containers must have ended. Fine when there is none. */
  async drop(): Promise<void> {
    this.#forgetLeftovers()
    const sandbox = this.#current
    this.#current = undefined
    this.#ended = false
    if (sandbox) await stopSandbox(sandbox, this.#home.context.network, this.#home.context.log)
  }

  /** Lets go; it stays. */
  detach(): void {
    this.#current?.pause.close()
  }

  #hold(sandbox: Sandbox): void {
    this.#current = sandbox
    this.#ended = false
    this.#address = sandbox.address
    void sandbox.pause.ended.then(() => {
      if (this.#current !== sandbox) return
      this.#ended = true
      this.#home.changed()
    })
  }

  #forgetLeftovers(): void {
    for (const id of this.#leftovers.splice(0)) forget(id, this.#home.context.network, this.#home.context.log)
  }
}

/** What only the pod's manifest can change. */
function remedyOf(error: unknown): string {
  return codeOf(error) === 'PortTaken'
    ? '. Choose another hostPort, or delete the pod that has this one: it is tried again'
    : ''
}
