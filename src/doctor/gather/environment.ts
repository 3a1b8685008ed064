import type { Cidr } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'

/** What a machine lends whoever gathers its facts. Nothing of it is changed. */
export interface FactsEnvironment {
  /** `node1`, or the router's name. */
  readonly node: string
  readonly kind: 'node' | 'router'
  /** The machine's namespace; the thread's own when left out. */
  readonly ns?: Netns | undefined
  /** Which addresses are services': connections to them are told. */
  readonly services: readonly Cidr[]
  /** Pods with a network of their own that run here now. */
  pods(): PodHere[]
}

export interface PodHere {
  /** `namespace/name`. */
  readonly pod: string
  readonly uid: string
  /** Its namespace: `/proc/4711/ns/net`. */
  readonly netns: string
  /** The node's end of its cable: `veth3`. */
  readonly hostDevice?: string | undefined
  readonly containers: readonly { readonly name: string; readonly pid?: number | undefined }[]
  /** Its /etc/resolv.conf. */
  resolvConf(): string
  /** The last lines that a container's last instance printed. */
  lastWords(container: string): Promise<string>
}
