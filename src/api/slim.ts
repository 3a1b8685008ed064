import { serviceNameLabel, triggerTimeAnnotation } from './objects/endpointslice.ts'
import type { ObjectMeta } from './objects/meta.ts'

// For agents that keep every object of a large cluster: most of an object as the API has it (managed fields, annotations, ...) is of no use to them.
// Each room says what it keeps (dns/slim.ts, proxy/slim.ts); how is here.

/** What is malformed is kept as it is, for whoever tells what is wrong with it. */
export function orWhole<T>(shape: (object: T) => T, object: T): T {
  try {
    return shape(object)
  } catch {
    return object
  }
}

/** What tells an object from others and one version of it from the next, and what is wanted `besides`. */
export function slimMeta(metadata: ObjectMeta, besides?: Undefinable<ObjectMeta>): ObjectMeta {
  const { name, namespace, uid, resourceVersion } = metadata
  return defined({ name, namespace: shared(namespace), uid, resourceVersion, ...besides })
}

/** Of an EndpointSlice: its service, and when that was set off. */
export function slimSliceMeta(metadata: ObjectMeta): ObjectMeta {
  return slimMeta(metadata, {
    labels: only(metadata.labels, serviceNameLabel),
    annotations: only(metadata.annotations, triggerTimeAnnotation),
  })
}

type Undefinable<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** Without fields that are undefined. */
export function defined<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  const kept: Partial<T> = {}
  for (const key of Object.keys(object) as (keyof T)[]) if (object[key] !== undefined) kept[key] = object[key]
  return kept as T
}

/** Of a map such as labels only this one; undefined when it is not there. */
export function only<T>(map: Readonly<Record<string, T>> | undefined, key: string): Record<string, T> | undefined {
  const value = map?.[key]
  return value === undefined ? undefined : { [key]: value }
}

/** The same text, in memory once: names of nodes, namespaces and ports repeat thousands of times. */
export function shared<T extends string | undefined>(text: T): T {
  return text === undefined ? text : (kept(texts, text, text) as T)
}

/** The value that `all` has under this key already, else this one. What is not asked for again within many others is forgotten. */
export function kept<T>(all: Map<string, T>, key: string, value: T): T {
  const before = all.get(key)
  if (before !== undefined) return before
  if (all.size >= most) all.clear()
  all.set(key, value)
  return value
}

const most = 20_000
const texts = new Map<string, string>()
