import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { equal } from '../json.ts'
import type { KubeObject } from '../objects/meta.ts'
import { type Change, type Follower, type FollowOptions, keyOf } from './client.ts'

/** The copy that a follower keeps, whichever way the changes come in. */
export class Copy<T extends KubeObject> implements Follower<T> {
  readonly synced: Promise<void>
  readonly #objects = new Map<string, T>()
  readonly #options: FollowOptions<T>
  readonly #onClose: () => void
  readonly #onError: (error: unknown) => void
  readonly #resolve: () => void
  #closed = false
  #first = true

  /** `onError`: what a caller's own onChange or onBatch threw; the copy stays whole and goes on. */
  constructor(options: FollowOptions<T>, onClose: () => void, onError: (error: unknown) => void = rethrow) {
    this.#options = options
    this.#onClose = onClose
    this.#onError = onError
    const { promise, resolve } = Promise.withResolvers<void>()
    this.synced = promise
    this.#resolve = resolve
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): T[] {
    return [...this.#objects.values()]
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** What the copy would keep of an object. */
  shaped(object: T): T {
    return this.#options.shape?.(object) ?? object
  }

  /** A whole list, of shaped objects: what differs from the copy becomes changes of one batch. */
  replace(items: readonly T[]): void {
    const present = new Set(items.map(keyOf))
    let changed = false
    for (const [key, object] of this.#objects)
      if (!present.has(key)) changed = this.#change({ type: 'deleted', object }) || changed
    for (const item of items) changed = this.#put(item) || changed
    this.#resolveAfter(changed)
  }

  /** Changes that arrived together, of shaped objects. */
  apply(events: readonly { type: 'put' | 'delete'; object: T }[]): void {
    let changed = false
    for (const { type, object } of events) {
      const did = type === 'put' ? this.#put(object) : this.#remove(object)
      changed = did || changed
    }
    if (changed) this.#batch()
  }

  #resolveAfter(changed: boolean): void {
    if (changed || this.#first) this.#batch()
    this.#first = false
    if (!this.#closed) this.#resolve()
  }

  #batch(): void {
    if (this.#closed) return
    try {
      this.#options.onBatch?.()
    } catch (error) {
      this.#onError(error)
    }
  }

  #put(object: T): boolean {
    const old = this.#objects.get(keyOf(object))
    if (old === undefined) return this.#change({ type: 'added', object })
    if (old.metadata.uid !== object.metadata.uid) {
      // Deleted and made again while nobody looked: two changes, not one.
      this.#change({ type: 'deleted', object: old })
      return this.#change({ type: 'added', object })
    }
    if (old.metadata.resourceVersion === object.metadata.resourceVersion && equal(old, object)) return false
    return this.#change({ type: 'modified', object, old })
  }

  #remove(object: T): boolean {
    return this.#objects.has(keyOf(object)) && this.#change({ type: 'deleted', object })
  }

  #change(change: Change<T>): boolean {
    if (this.#closed) return false
    const key = keyOf(change.object)
    if (change.type === 'deleted') this.#objects.delete(key)
    else this.#objects.set(key, change.object)
    try {
      this.#options.onChange?.(change)
    } catch (error) {
      this.#onError(error)
    }
    return true
  }
}

/** Nobody to tell: it ends the process, as any uncaught error does. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** What a caller's own code threw goes to the log; without one it is thrown on. */
export function tellsErrors(kind: string, log: Log | undefined): ((error: unknown) => void) | undefined {
  return (
    log &&
    ((error) =>
      log.error({ kind, error: messageOf(error), stack: (error as Error).stack }, 'a follower of the API failed'))
  )
}
