import { KubehopError } from '../base/errors.ts'
import { ApiError, type Client } from './client/client.ts'
import { type AnyObject, clone, equal, isRecord, own, set } from './json.ts'
import type { KubeObject } from './objects/meta.ts'
import { type Resource, resourceOf } from './resources.ts'

export type Applied = 'created' | 'configured' | 'unchanged'

/** Where kubectl keeps what was applied last, so that the next apply knows what was taken out. Both can take turns. */
export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * Applies objects in their order, but namespaces before what is in them; stops at the first that is refused. `onApplied` is told of each,
 * as it is in the cluster then.
 */
export async function applyAll(
  client: Client,
  objects: readonly KubeObject[],
  onApplied: (object: KubeObject, done: Applied) => void = () => {},
): Promise<void> {
  const namespaces = objects.filter((object) => object.kind === 'Namespace')
  const others = objects.filter((object) => object.kind !== 'Namespace')
  for (const object of [...namespaces, ...others]) {
    const { now, done } = await bring(client, object)
    onApplied(now, done)
  }
}

/** Creates an object or changes the one that is there into what it says, keeping what others have set. */
export async function apply(client: Client, object: KubeObject): Promise<Applied> {
  return (await bring(client, object)).done
}

async function bring(client: Client, object: KubeObject): Promise<{ now: KubeObject; done: Applied }> {
  const resource = resourceOf(object.apiVersion, object.kind)
  if (resource === undefined)
    throw new KubehopError('api', 'apply', 'NotServed', `${object.apiVersion} ${object.kind} is not served here`)
  const { kind } = resource
  const { name } = object.metadata
  const namespace = resource.namespaced ? (object.metadata.namespace ?? 'default') : undefined
  const wanted = annotated(object, resource, namespace)
  for (let attempt = 0; ; attempt++) {
    const live = (await client.get(kind, name, namespace)) as unknown as AnyObject | undefined
    try {
      if (live === undefined) {
        return { now: await client.create(kind, wanted), done: 'created' }
      }
      const patch = threeWay(lastOf(live), wanted, live)
      if (Object.keys(patch).length === 0) return { now: live, done: 'unchanged' }
      const now = await client.patch(kind, name, namespace, patch)
      const same = now.metadata.resourceVersion === live.metadata.resourceVersion
      return { now, done: same ? 'unchanged' : 'configured' }
    } catch (error) {
      // Made or gone between the look and the act: look again.
      const raced = error instanceof ApiError && (error.reason === 'AlreadyExists' || error.code === 404)
      if (!raced || attempt >= 3 || (live === undefined && error.code === 404)) throw error
    }
  }
}

function annotated(object: KubeObject, resource: Resource, namespace: string | undefined): AnyObject {
  const plain = clone(object) as AnyObject
  if (namespace !== undefined) plain.metadata.namespace = namespace
  const annotations = { ...plain.metadata.annotations }
  delete annotations[lastApplied]
  plain.metadata.annotations = annotations
  if (resource.status) delete plain['status']
  const text = `${asKubectlWrites(plain)}\n`
  plain.metadata.annotations = { ...annotations, [lastApplied]: text }
  return plain
}

/** Keys in order, and what HTML could misread escaped, as Go writes it: when kubectl applies the same file, nothing differs. */
function asKubectlWrites(object: AnyObject): string {
  const sorted = (_: string, value: unknown): unknown =>
    isRecord(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
  return JSON.stringify(object, sorted).replace(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function lastOf(live: AnyObject): unknown {
  const text = live.metadata.annotations?.[lastApplied]
  if (text === undefined) return {}
  try {
    return JSON.parse(text)
  } catch (error) {
    // Somebody wrote something else there: nothing is known to have been taken out.
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/**
 * The merge patch (RFC 7386) that makes `live` say what `wanted` says and forget what `last` said and `wanted` does not.
 * Lists are replaced whole when they differ; the server fills their items' defaults again.
 */
export function threeWay(last: unknown, wanted: object, live: object): Record<string, unknown> {
  const patch: Record<string, unknown> = {}
  const from = isRecord(last) ? last : {}
  const now = live as Record<string, unknown>
  for (const key of Object.keys(from))
    if (own(wanted as Record<string, unknown>, key) === undefined && own(now, key) !== undefined) set(patch, key, null)
  for (const [key, value] of Object.entries(wanted)) {
    const before = own(now, key)
    if (isRecord(value) && isRecord(before)) {
      const inner = threeWay(own(from, key), value, before)
      if (Object.keys(inner).length > 0) set(patch, key, inner)
    } else if (!covers(before, value) || takenOut(own(from, key), value)) set(patch, key, value)
  }
  return patch
}

/** Something in a list was applied last time and is not wanted now; inside lists only the whole list can say so. */
function takenOut(last: unknown, wanted: unknown): boolean {
  return Array.isArray(wanted) && last !== undefined && !equal(last, wanted)
}

/** Whether a live value says all that is wanted: an item that only has more (its defaults) is no difference. */
function covers(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(live) && live.length === wanted.length && wanted.every((item, at) => covers(live[at], item))
  if (isRecord(wanted))
    return isRecord(live) && Object.entries(wanted).every(([key, value]) => covers(own(live, key), value))
  return equal(live, wanted)
}
