import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Log } from '../base/log.ts'
import { openProcess, type Process, SIGNALS } from '../kernel/process.ts'
import { awaitUnshared } from '../kernel/share.ts'

/** A pod that was taken over, and the processes of it that are known. */
export interface KnownPod {
  pausePid: number
  containerPids: number[]
}

/**
 * Ends containers that no record tells of: an agent died after it started one and before it wrote that down. They are in the network of a pod,
 * and in a PID namespace that is neither ours nor that of a container that is known.
 */
export function endStrays(pods: readonly KnownPod[], starting: string, log: Log): void {
  // One that it had only begun to start is on its way into its pod, and would be missed.
  awaitUnshared(starting)
  const home = namespaceOf('self', 'net')
  const ours = namespaceOf('self', 'pid')
  const known = new Set(pods.flatMap(({ containerPids }) => containerPids).map((pid) => namespaceOf(pid, 'pid')))
  const networks = new Set(pods.map(({ pausePid }) => namespaceOf(pausePid, 'net')))
  networks.delete(home)
  networks.delete(undefined)
  if (networks.size === 0) return
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || !networks.has(namespaceOf(pid, 'net'))) continue
    const space = namespaceOf(pid, 'pid')
    if (space === undefined || space === ours || known.has(space)) continue
    log.warn({ pid }, 'a container that no record tells of is ended')
    // The shim first: it is found by its child, and waits for an agent that knows it.
    for (const one of [shimOf(pid), openProcess(pid)]) {
      one?.signal(SIGNALS.KILL)
      one?.close()
    }
  }
}

/** The parent of a container's first process; undefined for others in the container. */
function shimOf(pid: number): Process | undefined {
  try {
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
    const shim = readFileSync(`/proc/${parent}/cmdline`, 'utf8').startsWith('kubehop shim ')
    return shim && namespaceOf(parent, 'pid') === namespaceOf('self', 'pid') ? openProcess(parent) : undefined
  } catch {
    return undefined // it ended meanwhile
  }
}

/** `net:[4026531840]`, or undefined when there is no such process any more, or none that we may look at. */
function namespaceOf(pid: number | 'self', kind: 'net' | 'pid'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  } catch {
    return undefined
  }
}
