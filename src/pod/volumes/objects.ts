import type { Client, Follower } from '../../api/client/client.ts'
import type { ConfigMap, Secret } from '../../api/objects/simple.ts'

type Watched = { ConfigMap: ConfigMap; Secret: Secret }
export type WatchedKind = keyof Watched

interface Entry {
  follower: Follower<ConfigMap | Secret>
  listeners: Set<() => void>
}

/** The ConfigMaps and Secrets that the pods of this node use, each followed once while anybody holds it, and no others. */
export class Objects {
  readonly #client: Client
  readonly #entries = new Map<string, Entry>()

  constructor(client: Client) {
    this.#client = client
  }

  /** Fulfilled when {@link get} knows it; `changed` is called whenever it changes afterwards. The result lets go of it. */
  async hold(kind: WatchedKind, namespace: string, name: string, changed: () => void): Promise<() => void> {
    const key = `${kind}/${namespace}/${name}`
    let entry = this.#entries.get(key)
    if (!entry) {
      const listeners = new Set<() => void>()
      const follower = this.#client.follow(kind, {
        namespace,
        fieldSelector: `metadata.name=${name}`,
        onBatch: () => {
          for (const listener of listeners) listener()
        },
      })
      entry = { follower, listeners }
      this.#entries.set(key, entry)
    }
    await entry.follower.synced
    entry.listeners.add(changed)
    return () => {
      entry.listeners.delete(changed)
      if (entry.listeners.size > 0 || this.#entries.get(key) !== entry) return
      this.#entries.delete(key)
      entry.follower.close()
    }
  }

  /** What is held; undefined when there is no such object. */
  get<K extends WatchedKind>(kind: K, namespace: string, name: string): Watched[K] | undefined {
    const entry = this.#entries.get(`${kind}/${namespace}/${name}`)
    return entry?.follower.get(`${namespace}/${name}`) as Watched[K] | undefined
  }

  close(): void {
    for (const { follower } of this.#entries.values()) follower.close()
    this.#entries.clear()
  }
}
