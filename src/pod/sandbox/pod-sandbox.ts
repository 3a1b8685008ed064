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
  /** One of an agent before this, which ended while nobody was there: its network is still to be given back. */
  #lost: SandboxRecord | undefined

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

  /** Pause has ended by itself, now or while no agent was there: what lives in the sandbox has no network any more. */
  get ended(): boolean {
    return this.#ended || this.#lost !== undefined
  }

  /** The pod's address, also after its sandbox has gone. */
  get address(): string | undefined {
    return this.#address
  }

  get record(): Pick<PodRecord, 'sandbox' | 'sandboxes'> {
    const sandbox = this.#current?.record ?? this.#lost
    return { ...(sandbox && { sandbox }), sandboxes: this.#count }
  }

  /** Goes on with the sandbox of a record; one that is gone has {@link ended}. */
  adopt({ sandbox, sandboxes }: PodRecord): void {
    this.#count = sandboxes
    const adopted = sandbox && adoptSandbox(sandbox, this.#home.context.network)
    if (adopted) this.#hold(adopted)
    else this.#lost = sandbox
  }

  /** `note` is told of the sandbox before it is whole. */
  async make(note: (record: SandboxRecord) => void): Promise<void> {
    const { context, pod, id, paths } = this.#home
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
    const { network, log } = this.#home.context
    const [sandbox, lost] = [this.#current, this.#lost]
    this.#current = undefined
    this.#lost = undefined
    this.#ended = false
    if (lost) forget(lost.id, network, log)
    if (sandbox) await stopSandbox(sandbox, network, log)
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
}

/** What only the pod's manifest can change. */
function remedyOf(error: unknown): string {
  return codeOf(error) === 'PortTaken'
    ? '. Choose another hostPort, or delete the pod that has this one: it is tried again'
    : ''
}
