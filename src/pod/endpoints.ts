import type { Client, Follower } from '../api/client/client.ts'
import type { Endpoint, EndpointSlice } from '../api/objects/endpointslice.ts'

/** Nobody may be there to change the slices: then a pod ends all the same, with half of its grace at least. */
const patienceMs = 3000
/**
 * Every node hears of a change at once, but none tells when its kernel has it; and what was let in before wants to be accepted, as a socket that is closed
 * refuses those that wait in its queue. So long a pod that services knew goes on as if nothing were.
 */
const settleMs = 300
/** Pods of a namespace often end together: its slices are known for so long after the last. */
const lingerMs = 5000

interface Watched {
  follower: Follower<EndpointSlice>
  waiting: Set<() => void>
  users: number
  closing: NodeJS.Timeout | undefined
}

/** Tells when services have stopped sending new connections to a pod that ends. */
export class Endpoints {
  readonly #client: Client
  readonly #watched = new Map<string, Watched>()

  constructor(client: Client) {
    this.#client = client
  }

  /** Fulfilled when no slice of the namespace names the pod as ready any more and the nodes had time to obey, or when waiting would cost too much of its grace. */
  async left({ namespace, uid }: { namespace: string; uid: string }, graceMs: number): Promise<void> {
    const watched = this.#watch(namespace)
    watched.users++
    const { promise, resolve } = Promise.withResolvers<void>()
    let settling: NodeJS.Timeout | undefined
    const look = (): void => {
      const endpoints = watched.follower.list().flatMap((slice) => slice.endpoints)
      const ours = endpoints.filter(({ targetRef }) => targetRef?.uid === uid)
      if (ours.some(isUsed)) return
      if (ours.length === 0 && !settling) resolve()
      else settling ??= setTimeout(resolve, settleMs)
    }
    const patience = setTimeout(resolve, Math.min(patienceMs, graceMs / 2))
    void watched.follower.synced.then(look)
    watched.waiting.add(look)
    await promise
    clearTimeout(patience)
    clearTimeout(settling)
    watched.waiting.delete(look)
    if (--watched.users === 0) watched.closing = setTimeout(() => this.#close(namespace), lingerMs)
  }

  close(): void {
    for (const namespace of this.#watched.keys()) this.#close(namespace)
  }

  #watch(namespace: string): Watched {
    const known = this.#watched.get(namespace)
    if (known) {
      clearTimeout(known.closing)
      return known
    }
    const waiting = new Set<() => void>()
    const follower = this.#client.follow('EndpointSlice', {
      namespace,
      onBatch: () => {
        for (const look of waiting) look()
      },
    })
    const watched: Watched = { follower, waiting, users: 0, closing: undefined }
    this.#watched.set(namespace, watched)
    return watched
  }

  #close(namespace: string): void {
    const watched = this.#watched.get(namespace)
    if (!watched) return
    clearTimeout(watched.closing)
    watched.follower.close()
    this.#watched.delete(namespace)
  }
}

/** One that is terminating gets no new connections, unless there is no other. */
function isUsed({ conditions }: Endpoint): boolean {
  return conditions?.ready !== false && conditions?.terminating !== true
}
