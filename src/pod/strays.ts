import { readFileSync } from 'node:fs'
import type { Log } from '../base/log.ts'
import { openProcess, type Process, SIGNALS } from '../kernel/process.ts'
import { awaitUnshared } from '../kernel/share.ts'
import { namespaceOf, processNumbers } from './namespaces.ts'

/** A pod that was taken over, and the processes of it that are known. */
export interface KnownPod {
  pausePid: number
  containerPids: number[]
}

/**
 * Ends containers that no record tells of: an agent died after it started one and before it wrote that down. And what is left of those whose first
 * process ended meanwhile, where that did not end the others. They share a pod's host name, and are not of a container that is known: neither in its PID
 * namespace nor, where several containers share one, in its mount namespace.
 */
export function endStrays(pods: readonly KnownPod[], starting: string, log: Log): void {
  // One that it had only begun to start is on its way into its pod, and would be missed.
  awaitUnshared(starting)
  const ours = { pid: namespaceOf('self', 'pid'), mnt: namespaceOf('self', 'mnt') }
  const pauses = new Set(pods.map(({ pausePid }) => pausePid))
  const shared = new Set([ours.pid, ...[...pauses].map((pid) => namespaceOf(pid, 'pid'))])
  const containers = pods.flatMap(({ containerPids }) => containerPids)
  const knownSpaces = new Set(containers.map((pid) => namespaceOf(pid, 'pid')).filter((space) => !shared.has(space)))
  const knownMounts = new Set([ours.mnt, ...containers.map((pid) => namespaceOf(pid, 'mnt'))])
  const names = new Set([...pauses].map((pid) => namespaceOf(pid, 'uts')))
  names.delete(namespaceOf('self', 'uts'))
  names.delete(undefined)
  if (names.size === 0) return
  for (const pid of processNumbers()) {
    if (pauses.has(pid) || !names.has(namespaceOf(pid, 'uts'))) continue
    const [space, mounts] = [namespaceOf(pid, 'pid'), namespaceOf(pid, 'mnt')]
    if (space === undefined || knownSpaces.has(space) || knownMounts.has(mounts)) continue
    log.warn({ pid }, 'a process of a container that no record tells of is ended')
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
