import { expired } from '../errors.ts'
import { type AnyObject, freeze } from '../json.ts'
import { keyOf } from '../client/client.ts'
import type { KindName } from '../objects/index.ts'

/** One change of one object, numbered by the store's revision. */
export interface StoreEvent {
  readonly type: 'added' | 'modified' | 'deleted'
  /** As it is now; for `deleted` as it was last, carrying the revision of its removal. */
  readonly object: AnyObject
  /** As it was before; undefined for `added`. */
  readonly old: AnyObject | undefined
  readonly revision: number
}

/** What survives a restart. `write` returns once the change is in the file. */
export interface Persistence {
  load(): { revision: number; objects: { kind: KindName; object: AnyObject }[] }
  write(kind: KindName, key: string, object: AnyObject, revision: number): void
  remove(kind: KindName, key: string, revision: number): void
  close(): void
}

/** Every object in memory, frozen and shared; every change numbered, written through, and told to watchers in order. */
export class Store {
  readonly #kinds = new Map<KindName, Shelf>()
  readonly #persistence: Persistence | undefined
  readonly #window: number
  readonly #opened: number
  #revision: number

  /** `window`: how many changes of each kind a watcher may have missed and still go on. */
  constructor(options: { persistence?: Persistence; window?: number } = {}) {
    this.#persistence = options.persistence
    this.#window = options.window ?? 2048
    const saved = this.#persistence?.load()
    this.#revision = saved?.revision ?? 0
    this.#opened = this.#revision
    for (const { kind, object } of saved?.objects ?? []) this.#shelf(kind).objects.set(keyOf(object), freeze(object))
  }

  /** Of the last change; every object's resourceVersion is the revision of its own last change. */
  get revision(): number {
    return this.#revision
  }

  get(kind: KindName, key: string): AnyObject | undefined {
    return this.#kinds.get(kind)?.objects.get(key)
  }

  /** Ordered by key. */
  list(kind: KindName): AnyObject[] {
    const shelf = this.#shelf(kind)
    shelf.keys ??= [...shelf.objects.keys()].sort((a, b) => (a < b ? -1 : 1))
    return shelf.keys.map((key) => shelf.objects.get(key) as AnyObject)
  }

  /** Adds or replaces; the object gets the next resourceVersion, is frozen and belongs to the store from here on. */
  put(kind: KindName, object: AnyObject): AnyObject {
    const shelf = this.#shelf(kind)
    const key = keyOf(object)
    const old = shelf.objects.get(key)
    const revision = this.#revision + 1
    object.metadata.resourceVersion = String(revision)
    freeze(object)
    this.#persistence?.write(kind, key, object, revision)
    this.#revision = revision
    shelf.objects.set(key, object)
    if (old === undefined) shelf.keys = undefined
    this.#tell(shelf, { type: old === undefined ? 'added' : 'modified', object, old, revision })
    return object
  }

  /** Removes what is there; the returned object carries the revision of its removal. */
  remove(kind: KindName, old: AnyObject): AnyObject {
    const shelf = this.#shelf(kind)
    const key = keyOf(old)
    const revision = this.#revision + 1
    const object = freeze({ ...old, metadata: { ...old.metadata, resourceVersion: String(revision) } })
    this.#persistence?.remove(kind, key, revision)
    this.#revision = revision
    shelf.objects.delete(key)
    shelf.keys = undefined
    this.#tell(shelf, { type: 'deleted', object, old, revision })
    return object
  }

  /**
   * Every change of a kind after the revision `since` (default: from now on), each exactly once, in order and while it
   * happens: `push` must not throw or write to the store. Throws Expired (410) when the changes since then are forgotten.
   */
  watch(kind: KindName, push: (event: StoreEvent) => void, since: number = this.#revision): () => void {
    const shelf = this.#shelf(kind)
    if (since < Math.max(shelf.forgotten, this.#opened) && since < this.#revision)
      throw expired(`too old resource version: ${since} (${Math.max(shelf.forgotten, this.#opened)})`)
    for (const event of shelf.history) if (event.revision > since) push(event)
    shelf.watchers.add(push)
    return () => void shelf.watchers.delete(push)
  }

  /** How many watch a kind. */
  watching(kind: KindName): number {
    return this.#shelf(kind).watchers.size
  }

  close(): void {
    for (const shelf of this.#kinds.values()) shelf.watchers.clear()
    this.#persistence?.close()
  }

  #shelf(kind: KindName): Shelf {
    let shelf = this.#kinds.get(kind)
    if (!shelf) {
      shelf = { objects: new Map(), keys: undefined, history: [], forgotten: 0, watchers: new Set() }
      this.#kinds.set(kind, shelf)
    }
    return shelf
  }

  #tell(shelf: Shelf, event: StoreEvent): void {
    shelf.history.push(event)
    // Cut in large steps, so that a change costs the same at any window.
    if (shelf.history.length >= 2 * this.#window) {
      const gone = shelf.history.splice(0, shelf.history.length - this.#window)
      shelf.forgotten = gone.at(-1)?.revision ?? shelf.forgotten
    }
    for (const push of shelf.watchers) push(event)
  }
}

interface Shelf {
  readonly objects: Map<string, AnyObject>
  /** Sorted; undefined when it must be sorted again. */
  keys: string[] | undefined
  readonly history: StoreEvent[]
  /** Changes up to this revision are no longer in the history. */
  forgotten: number
  readonly watchers: Set<(event: StoreEvent) => void>
}
