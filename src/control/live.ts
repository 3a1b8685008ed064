import { type Change, type Client, type Follower, keyOf } from '../api/client/client.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'
import { allResources } from '../api/resources.ts'
import { type Clock, timestamp } from './clock.ts'
import { type AnyObject, shelves, type View } from './view.ts'

/**
 * A view that follows every kind and never forgets what this process itself wrote: the answer to a write is in the view before the
 * watch brings it back. Without that, a loop that runs in between would create the same pod or slice a second time (upstream keeps
 * "expectations" per loop for this).
 */
export interface LiveView {
  readonly view: View
  /** Follows from now on; fulfilled when the whole cluster is in the view and every `onChange` for it has run. */
  start(onChange: (change: AnyChange) => void): Promise<void>
  /** The object as the API returned it from a create or a patch. */
  wrote(object: AnyObject): void
  /** A delete was accepted; the object is seen as terminating from now on, or gone. */
  deleted(kind: KindName, key: string, uid: string | undefined): void
  close(): void
}

export type AnyChange = { [K in KindName]: Change<Kinds[K]> }[KindName]

export function liveView(client: Client, clock: Clock): LiveView {
  let onChange: (change: AnyChange) => void = () => {}
  let followers: Follower<AnyObject>[] = []
  const store = shelves()
  const seen = new Map<KindName, number>()
  /** Uids whose deletion was accepted but has not come back through the watch. */
  const fading = new Map<string, string>()

  function put(object: AnyObject): void {
    const old = store.get(object.kind, keyOf(object))
    store.put(object)
    onChange((old ? { type: 'modified', object, old } : { type: 'added', object }) as AnyChange)
  }

  function arrived(change: AnyChange): void {
    const { object } = change
    const uid = object.metadata.uid ?? ''
    seen.set(object.kind, Math.max(seen.get(object.kind) ?? 0, versionOf(object)))
    const held = store.get(object.kind, keyOf(object))
    if (change.type === 'deleted') {
      fading.delete(uid)
      // Deleted and made anew by us: the news is about the one before.
      if (!held || held.metadata.uid !== uid) return
      store.drop(object.kind, keyOf(object))
      onChange(change)
    } else if (!held || versionOf(held) < versionOf(object)) {
      const since = fading.get(uid)
      if (object.metadata.deletionTimestamp !== undefined) fading.delete(uid)
      put(since === undefined || object.metadata.deletionTimestamp !== undefined ? object : ending(object, since))
    }
  }

  return {
    view: store,
    async start(to) {
      onChange = to
      followers = allResources.map(({ kind }) => follow(client, kind, arrived))
      await Promise.all(followers.map((follower) => follower.synced))
    },
    wrote(object) {
      // The watch may be ahead of the answer: then it has told all there is, even that the object is gone again.
      if (versionOf(object) > (seen.get(object.kind) ?? 0)) put(object)
    },
    deleted(kind, key, uid) {
      const held = store.get(kind, key)
      if (!held || held.metadata.deletionTimestamp !== undefined) return
      if (uid !== undefined && held.metadata.uid !== uid) return
      const since = timestamp(clock.now())
      fading.set(held.metadata.uid ?? '', since)
      put(ending(held, since))
    },
    close() {
      for (const follower of followers) follower.close()
    },
  }
}

function follow<K extends KindName>(
  client: Client,
  kind: K,
  arrived: (change: AnyChange) => void,
): Follower<AnyObject> {
  return client.follow(kind, { onChange: (change) => arrived(change as AnyChange) }) as Follower<AnyObject>
}

function versionOf(object: AnyObject): number {
  return Number(object.metadata.resourceVersion ?? 0)
}

function ending<T extends AnyObject>(object: T, since: string): T {
  return { ...object, metadata: { ...object.metadata, deletionTimestamp: since } }
}
