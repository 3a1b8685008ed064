import type { Pod } from '../api/objects/pod.ts'
import type { NodeContext } from './context.ts'
import { type PodFacts, statusOf } from './status.ts'
import { StatusWriter } from './status-writer.ts'

/** Tells the API how one pod is. What happens in one turn is told in one write. */
export class PodReport {
  readonly #pod: () => Pod
  readonly #facts: () => PodFacts
  readonly #writer: StatusWriter
  #scheduled = false
  #closed = false
  #silent = false

  constructor({ client, log }: NodeContext, pod: () => Pod, facts: () => PodFacts) {
    this.#pod = pod
    this.#facts = facts
    this.#writer = new StatusWriter(client, log)
  }

  /** The pod changed in the API. */
  seen(pod: Pod): void {
    if (!this.#closed) this.#writer.seen(pod)
  }

  /** At the end of this turn. */
  soon(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (!this.#closed && !this.#silent) this.#tell()
    })
  }

  /** Now; fulfilled when it has arrived, or was given up for now. */
  async now(): Promise<void> {
    this.#tell()
    await this.#writer.settled()
  }

  /** The API has the pod no more. */
  silence(): void {
    this.#silent = true
  }

  close(): void {
    this.#closed = true
    this.#writer.close()
  }

  #tell(): void {
    const pod = this.#pod()
    this.#writer.put(pod, statusOf(this.#writer.onto(pod), this.#facts(), new Date().toISOString()))
  }
}
