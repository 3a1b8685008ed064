import type { Client, Follower } from '../api/client/client.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'

/** Nobody may be there to change the slices: then a pod ends all the same. */
const patienceMs = 1000
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

  /** Fulfilled when no slice of the namespace names the pod as ready any more, or after a second. */
  async left({ namespace, uid }: { namespace: string; uid: string }): Promise<void> {
    const watched = this.#watch(namespace)
    watched.users++
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (!watched.follower.list().some((slice) => names(slice, uid))) resolve()
    }
    const patience = setTimeout(resolve, patienceMs)
    void watched.follower.synced.then(look)
    watched.waiting.add(look)
    await promise
    clearTimeout(patience)
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

/** An endpoint that is terminating gets no new connections, unless there is no other. */
function names({ endpoints }: EndpointSlice, uid: string): boolean {
  return endpoints.some(
    ({ targetRef, conditions }) =>
      targetRef?.uid === uid && conditions?.ready !== false && conditions?.terminating !== true,
  )
}
