import type { Log } from '../../base/log.ts'
import { type AnyObject, clone } from '../json.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import { mergePatch } from '../patch/merge.ts'
import type { Registry } from '../registry/registry.ts'
import { resources } from '../resources.ts'
import { decodeStrictly } from '../schema/decode.ts'
import { selectorOf } from '../select/select.ts'
import type { StoreEvent } from '../store/store.ts'
import { ApiError, type Client, type FollowOptions, type Follower } from './client.ts'
import { makeRecorder } from './events.ts'
import { Copy, tellsErrors } from './follower.ts'

export interface LocalOptions {
  registry: Registry
  /** The name under which events are reported. */
  component?: string
  log?: Log
  issueToken?: Client['token']
}

/** A client of the API in the same process: the same rules as over HTTPS, without the trip. */
export function localClient({ registry, component = 'kubehop', log, issueToken }: LocalOptions): Client {
  const followers = new Set<Follower<never>>()
  const client: Client = {
    async get(kind, name, namespace) {
      return out<typeof kind>(registry.find(resources[kind], name, namespace))
    },
    async list(kind, options) {
      const items = registry.list(resources[kind], options).map((one) => out<typeof kind>(one))
      return { items, resourceVersion: String(registry.store.revision) }
    },
    async create(kind, object) {
      const draft = decodeStrictly(resources[kind], clone(object))
      return out<typeof kind>(registry.create(resources[kind], draft, draft.metadata?.namespace))
    },
    async update(kind, object) {
      return out<typeof kind>(registry.update(resources[kind], decodeStrictly(resources[kind], clone(object))))
    },
    async updateStatus(kind, object) {
      return out<typeof kind>(
        registry.update(resources[kind], decodeStrictly(resources[kind], clone(object)), 'status'),
      )
    },
    async patch(kind, name, namespace, patch, subresource) {
      const change = (object: AnyObject): AnyObject => decodeStrictly(resources[kind], mergePatch(object, clone(patch)))
      const within = resources[kind].namespaced ? (namespace ?? 'default') : undefined
      return out<typeof kind>(registry.patch(resources[kind], name, within, change, subresource))
    },
    async delete(kind, name, namespace, options) {
      registry.delete(resources[kind], name, namespace, options)
    },
    async bind(pod, namespace, node) {
      return out<'Pod'>(registry.bind(pod, namespace, node))
    },
    follow<K extends KindName>(kind: K, options: FollowOptions<Kinds[K]> = {}): Follower<Kinds[K]> {
      const follower = follow(registry, kind, options, log, () => void followers.delete(follower as never))
      followers.add(follower as never)
      return follower
    },
    event: (about, type, reason, message) => record(about, type, reason, message),
    async token(serviceAccount, namespace, pod, wish) {
      if (!issueToken) throw new ApiError(501, 'NotImplemented', 'this API server has no key to sign tokens with')
      return issueToken(serviceAccount, namespace, pod, wish)
    },
    close() {
      for (const follower of followers) follower.close()
    },
  }
  const record = makeRecorder(client, component, log)
  return client
}

/** A copy that the caller may change, as one that came over the network could be. */
function out<K extends KindName>(object: AnyObject): Kinds[K]
function out<K extends KindName>(object: AnyObject | undefined): Kinds[K] | undefined
function out<K extends KindName>(object: AnyObject | undefined): Kinds[K] | undefined {
  return clone(object) as unknown as Kinds[K] | undefined
}

function follow<K extends KindName>(
  registry: Registry,
  kind: K,
  options: FollowOptions<Kinds[K]>,
  log: Log | undefined,
  onClose: () => void,
): Follower<Kinds[K]> {
  type T = Kinds[K]
  const selects = selectorOf(resources[kind], options) ?? (() => true)
  let pending: StoreEvent[] = []
  let scheduled = true
  const close = (): void => {
    stop()
    onClose()
  }
  const copy = new Copy<T>(options, close, tellsErrors(kind, log))
  // The first list is taken now, changes from now on are kept: nothing lies between.
  const first = registry.list(resources[kind], options) as unknown as T[]
  const stop = registry.store.watch(kind, (event) => {
    pending.push(event)
    if (!scheduled) schedule()
  })
  const schedule = (): void => {
    scheduled = true
    setImmediate(flush)
  }
  const flush = (): void => {
    scheduled = false
    const events = pending.filter(({ object, old }) => selects(object) || (old !== undefined && selects(old)))
    pending = []
    copy.apply(
      events.map(({ type, object }) => ({
        type: type === 'deleted' || !selects(object) ? 'delete' : 'put',
        object: copy.shaped(object as unknown as T),
      })),
    )
  }
  setImmediate(() => {
    copy.replace(first.map((object) => copy.shaped(object)))
    flush()
  })
  return copy
}
