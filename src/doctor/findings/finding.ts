import type { KubeObject } from '../../api/objects/meta.ts'
import type { Service } from '../../api/objects/service.ts'
import type { Case } from '../../trace/case.ts'
import { nodeAt, ownerOf, serviceAt } from '../../trace/cluster/cluster.ts'
import { transportOf } from '../../trace/ask/target.ts'
import type { ObjectReference, View } from '../types.ts'

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

/** `a`, `a and b`, `a, b and c`; of more than `most` the first three, and how many more. */
export function listed(words: readonly string[], most = 4): string {
  const shown = words.length > most ? [...words.slice(0, 3), `${words.length - 3} more`] : words
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** Who sent a request: a pod, a node, or the machine outside. */
export function senderOf({ source }: Case): ObjectReference {
  return source.pod ? referTo(source.pod) : { kind: 'Node', name: source.node }
}

/** The service that a request failed at. */
export function failedAt({ cluster, request }: View): Service | undefined {
  if (!request?.to || request.verdict === 'delivered') return undefined
  const { to, target } = request
  const at = serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
  const owner = ownerOf(cluster, to.address)
  // An external IP that is a node's address is the service's by its ports alone.
  return at?.service ?? (owner.kind === 'service' && !nodeAt(cluster, to.address) ? owner.service : undefined)
}

/** Seconds since it was made; infinite for what does not say when. */
export function ageOf({ metadata }: KubeObject, now: number): number {
  const made = Date.parse(metadata.creationTimestamp ?? '')
  return Number.isNaN(made) ? Number.POSITIVE_INFINITY : Math.max(0, (now - made) / 1000)
}
