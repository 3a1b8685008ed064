import type { Cluster } from '../../trace/cluster/cluster.ts'
import { quoted } from '../render/command.ts'

/**
 * What is to be run on a node of a lab, as one line for a shell of the machine that the lab is on: there a bare `sysctl` would change that
 * machine. Nothing for other clusters, and for the router, which has no process of its own to enter by.
 *
 * The agent knows its pid in the lab's own PID namespace only, so the shell looks for it, by the lab's folder. `sysctl` and its like are in
 * /usr/sbin, where an ordinary user's shell may not look.
 */
export function onNode({ lab, nodes }: Cluster, node: string, command: string): { command?: string } {
  if (lab === undefined || !nodes.some(({ metadata }) => metadata.name === node)) return {}
  const agent = quoted(`^kubehop node ${node} .*${lab.folder.replaceAll(/[.*+?^$()[\]{}|\\]/g, String.raw`\$&`)}/`)
  const user = lab.userNamespace ? '-U --preserve-credentials ' : ''
  return { command: `PATH=$PATH:/usr/sbin nsenter -t $(pgrep -of ${agent}) ${user}-n ${command}` }
}
