import { keyOf } from '../api/client/client.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'
import type { KubeObject } from '../api/objects/meta.ts'

/** The cluster as the loops see it: every object, by key, by namespace, by uid and by owner. Objects in it are never changed. */
export interface View {
  get<K extends KindName>(kind: K, key: string): Kinds[K] | undefined
  all<K extends KindName>(kind: K): Iterable<Kinds[K]>
  inNamespace<K extends KindName>(kind: K, namespace: string): Iterable<Kinds[K]>
  /** The services whose selector fits these labels: the same few, however many services there are. */
  selecting(namespace: string, labels: Record<string, string> | undefined): Iterable<Kinds['Service']>
  byUid(uid: string): AnyObject | undefined
  /** What names this uid among its owner references, of every kind. */
  dependents(uid: string): Iterable<AnyObject>
}

export type AnyObject = Kinds[KindName]

/** A {@link View} that can be filled. */
export interface Shelves extends View {
  put(object: AnyObject): void
  drop(kind: KindName, key: string): void
}

/** Holds the given objects: all there is in a pure test, the start of a live view. */
export function shelves(objects: Iterable<AnyObject> = []): Shelves {
  const byKey = new Map<KindName, Map<string, AnyObject>>()
  const byNamespace = new Map<string, Map<string, AnyObject>>()
  const byUid = new Map<string, AnyObject>()
  /** By the first pair of their selector: a pod that they select has it too. */
  const services = new Map<string, Map<string, AnyObject>>()
  const byOwner = new Map<string, Map<string, AnyObject>>()

  function put(object: AnyObject): void {
    const key = keyOf(object)
    drop(object.kind, key)
    place(byKey, object.kind, key, object)
    place(byNamespace, `${object.kind} ${object.metadata.namespace ?? ''}`, key, object)
    if (object.metadata.uid !== undefined) byUid.set(object.metadata.uid, object)
    for (const uid of ownersOf(object)) place(byOwner, uid, `${object.kind} ${key}`, object)
    for (const pair of selectorPairs(object).slice(0, 1)) place(services, pair, key, object)
  }

  function drop(kind: KindName, key: string): void {
    const old = byKey.get(kind)?.get(key)
    if (!old) return
    take(byKey, kind, key)
    take(byNamespace, `${kind} ${old.metadata.namespace ?? ''}`, key)
    if (old.metadata.uid !== undefined) byUid.delete(old.metadata.uid)
    for (const uid of ownersOf(old)) take(byOwner, uid, `${kind} ${key}`)
    for (const pair of selectorPairs(old).slice(0, 1)) take(services, pair, key)
  }

  for (const object of objects) put(object)
  return {
    put,
    drop,
    get: <K extends KindName>(kind: K, key: string) => byKey.get(kind)?.get(key) as Kinds[K] | undefined,
    all: <K extends KindName>(kind: K) => (byKey.get(kind)?.values() ?? []) as Iterable<Kinds[K]>,
    inNamespace: <K extends KindName>(kind: K, namespace: string) =>
      (byNamespace.get(`${kind} ${namespace}`)?.values() ?? []) as Iterable<Kinds[K]>,
    *selecting(namespace, labels = {}) {
      const has = new Set(pairs(namespace, labels))
      for (const pair of has)
        for (const service of services.get(pair)?.values() ?? [])
          if (selectorPairs(service).every((other) => has.has(other))) yield service as Kinds['Service']
    },
    byUid: (uid) => byUid.get(uid),
    dependents: (uid) => byOwner.get(uid)?.values() ?? [],
  }
}

function selectorPairs(object: AnyObject): string[] {
  return object.kind === 'Service' ? pairs(object.metadata.namespace ?? '', object.spec.selector ?? {}) : []
}

function pairs(namespace: string, labels: Record<string, string>): string[] {
  return Object.entries(labels).map(([key, value]) => `${namespace} ${key}=${value}`)
}

function ownersOf(object: KubeObject): Set<string> {
  return new Set(object.metadata.ownerReferences?.map((owner) => owner.uid))
}

function place<A, B, C>(groups: Map<A, Map<B, C>>, group: A, key: B, value: C): void {
  const found = groups.get(group)
  if (found) found.set(key, value)
  else groups.set(group, new Map([[key, value]]))
}

function take<A, B, C>(groups: Map<A, Map<B, C>>, group: A, key: B): void {
  const found = groups.get(group)
  found?.delete(key)
  if (found?.size === 0) groups.delete(group)
}
