import type { Pod } from '../api/objects/pod.ts'
import type { Address } from '../base/address.ts'

/** Who sends: a pod that runs, a node by its own sockets, or the machine beyond the cluster's router. */
export interface Origin {
  readonly kind: 'pod' | 'node' | 'outside'
  /** `namespace/name` of a pod, the node's name, or `outside`. */
  readonly key: string
  /** The machine whose agent sends: a node's name, or `outside`. */
  readonly node: string
  readonly address: Address
  /** The pod that sends; of kind `node`, one that has no network but its node's. */
  readonly pod?: Pod
  /** The one of the pod's containers that was named: all of them share the pod's network. */
  readonly container?: string
}

/** Where on a machine a request is sent from: in a pod's namespace, or in the machine's own. */
export type At = { readonly kind: 'pod'; readonly name: string } | { readonly kind: 'machine' }

export function atOf({ kind, key }: Origin): At {
  return kind === 'pod' ? { kind: 'pod', name: key } : { kind: 'machine' }
}

/** The namespace in which names without one are meant; undefined for who belongs to none. */
export function namespaceOf({ pod }: Origin): string | undefined {
  return pod && (pod.metadata.namespace ?? 'default')
}
