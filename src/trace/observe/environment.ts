import type { Netns } from '../../kernel/netns.ts'

/** What a machine lends its watchers. Namespaces stay the lender's: they are not closed here. */
export interface TraceEnvironment {
  /** `node1`, or the router's name. */
  readonly node: string
  readonly kind: 'node' | 'router'
  /** The machine's namespace; the thread's own when left out. */
  readonly ns?: Netns | undefined
  /** A running pod's namespace, by `namespace/name`; undefined when it does not run here (any more). */
  podNetns(pod: string): Netns | undefined
  /** A pod's /etc/resolv.conf and /etc/hosts. */
  podFile(pod: string, file: 'resolv.conf' | 'hosts'): string | Promise<string>
}
