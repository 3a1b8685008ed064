import type { Netns } from '../../kernel/netns.ts'

/** What a machine lends its watchers. Namespaces stay the lender's: they are not closed here. */
export interface TraceEnvironment {
  /** `node1`, or the router's name. */
  readonly node: string
  readonly kind: 'node' | 'router' | 'outside'
  /** The machine's namespace; the thread's own when left out. */
  readonly ns?: Netns | undefined
  /** A running pod's namespace, by `namespace/name`; undefined when it does not run here (any more). */
  podNetns(pod: string): Netns | undefined
  /** A pod's /etc/resolv.conf and /etc/hosts; undefined when it does not run here (any more). */
  podFile(pod: string, file: 'resolv.conf' | 'hosts'): string | undefined | Promise<string | undefined>
  /** The machine's own. Default: none, so that every name is unknown there. */
  machineFile?(file: 'resolv.conf' | 'hosts'): string
}
