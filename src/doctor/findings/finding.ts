import type { KubeObject } from '../../api/objects/meta.ts'
import type { ObjectReference } from '../types.ts'

export function referTo({ kind, metadata: { namespace, name } }: KubeObject): ObjectReference {
  return namespace === undefined ? { kind, name } : { kind, namespace, name }
}

/** `service shop/web`, `node node1`: how a sentence names an object. */
export function nameOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return `${kind.toLowerCase()} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}

/** `1 pod`, `3 pods`. */
export function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}
