import type { Client, Follower } from '../api/client/client.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'

/** What a trace reads of a cluster. */
const kinds = [
  'Pod',
  'Service',
  'EndpointSlice',
  'Node',
  'Deployment',
  'ReplicaSet',
  'Namespace',
] as const satisfies KindName[]

/**
 * The same client, whose whole lists of these kinds are kept from the first time on: a cluster of thousands is not copied for each trace, and what was made of a
 * list (src/trace/address-book.ts) stays until it changes. Lists and their objects must not be changed.
 */
export function withKeptLists(client: Client): Client {
  const kept = new Map<KindName, Promise<() => unknown[]>>()
  return {
    ...client,
    async list(kind, options) {
      if (options !== undefined || !(kinds as readonly KindName[]).includes(kind)) return client.list(kind, options)
      let lists = kept.get(kind)
      if (!lists) {
        lists = keep(client, kind)
        kept.set(kind, lists)
      }
      return { items: (await lists)() as Kinds[typeof kind][], resourceVersion: '' }
    },
  }
}

async function keep(client: Client, kind: KindName): Promise<() => unknown[]> {
  let list: unknown[] | undefined
  const follower = client.follow(kind, { onBatch: () => (list = undefined) }) as Follower<unknown>
  await follower.synced
  return () => (list ??= follower.list())
}
