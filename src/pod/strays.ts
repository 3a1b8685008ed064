import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Log } from '../base/log.ts'
import { openProcess, type Process, SIGNALS } from '../kernel/process.ts'
import { awaitUnshared } from '../kernel/share.ts'
import { holdNamespace, namespaceOf, processNumbers } from './namespaces.ts'

/** A pod that was taken over, and the processes of it that are known. */
export interface KnownPod {
  pausePid: number
  containerPids: number[]
}

/**
 * Ends containers that no record tells of: an agent died after it started one and before it wrote that down. And what is left of those whose first
 * process ended meanwhile, where that did not end the others. They share a pod's host name, and are not of a container that is known: neither in its PID
 * namespace nor, where several containers share one, in its mount namespace, nor started by who is (a sandbox in a container has namespaces of its own).
 */
export function endStrays(pods: readonly KnownPod[], starting: string, log: Log): void {
  // One that it had only begun to start is on its way into its pod, and would be missed.
  awaitUnshared(starting)
  // Held while their numbers are compared: the kernel gives the number of a namespace that has gone to the next that is made, in any pod of this machine.
  const held = pods.flatMap(({ pausePid }) => holdNamespace(pausePid, 'uts') ?? [])
  try {
    endThose(pods, new Set(held.map(({ name }) => name)), log)
  } finally {
    for (const { fd } of held) closeSync(fd)
  }
}

/** `names`: the host names' namespaces of the pods. */
function endThose(pods: readonly KnownPod[], names: Set<string>, log: Log): void {
  const ours = { pid: namespaceOf('self', 'pid'), mnt: namespaceOf('self', 'mnt') }
  const pauses = new Set(pods.map(({ pausePid }) => pausePid))
  const shared = new Set([ours.pid, ...[...pauses].map((pid) => namespaceOf(pid, 'pid'))])
  const containers = pods.flatMap(({ containerPids }) => containerPids)
  const first = new Set(containers)
  const knownSpaces = new Set(containers.map((pid) => namespaceOf(pid, 'pid')).filter((space) => !shared.has(space)))
  const knownMounts = new Set([ours.mnt, ...containers.map((pid) => namespaceOf(pid, 'mnt'))])
  names.delete(namespaceOf('self', 'uts') ?? '')
  if (names.size === 0) return
  const isStray = (pid: number): boolean => {
    if (!names.has(namespaceOf(pid, 'uts') ?? '')) return false
    const [space, mounts] = [namespaceOf(pid, 'pid'), namespaceOf(pid, 'mnt')]
    if (space === undefined || knownSpaces.has(space) || knownMounts.has(mounts)) return false
    return !ancestors(pid).some((one) => first.has(one))
  }
  for (const pid of processNumbers()) {
    if (pauses.has(pid) || !isStray(pid)) continue
    const stray = openProcess(pid)
    const shim = shimOf(pid)
    // Once more, now that it is held: the number may have gone to another process.
    if (stray && isStray(pid)) {
      log.warn({ pid }, 'a process of a container that no record tells of is ended')
      // The shim first: it is found by its child, and waits for an agent that knows it.
      for (const one of [shim, stray]) one?.signal(SIGNALS.KILL)
    }
    for (const one of [shim, stray]) one?.close()
  }
}

/**
 * Ends the shims below `stateDir` that are not of `noted`, with what runs of their containers: an agent died before it wrote them down. Where the container
 * has ended meanwhile, too, its shim would wait for ever for somebody who reads what it printed, and keep its image.
 */
export function endStrayShims(noted: ReadonlySet<number>, stateDir: string, log: Log): void {
  for (const pid of processNumbers()) {
    if (noted.has(pid) || !isShim(pid)) continue
    const held = openProcess(pid)
    // Asked when it is held: the number may have gone to another process.
    if (held && isShim(pid) && holds(pid, `${stateDir}/`)) {
      log.warn({ pid }, 'the shim of a container that no record tells of is ended')
      held.signal(SIGNALS.KILL)
    }
    held?.close()
  }
}

/** One of this PID namespace: who is in another one is a pod's own. */
function isShim(pid: number): boolean {
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return title.startsWith('kubehop shim ') && namespaceOf(pid, 'pid') === namespaceOf('self', 'pid')
  } catch {
    return false // it ended meanwhile
  }
}

/** Has it opened something below this path? */
function holds(pid: number, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(path))
  } catch {
    return false // it ended meanwhile, or is another user's
  }
}

/** From its parent on. */
function ancestors(pid: number): number[] {
  const found: number[] = []
  // One that ends meanwhile leaves its children to another parent, which may be one that counts.
  for (let tries = 0; tries < 3; tries++) {
    try {
      for (let one = parentOf(pid); one > 1 && !found.includes(one); one = parentOf(one)) found.push(one)
      return found
    } catch {
      found.length = 0
    }
  }
  return found
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}

/** The parent of a container's first process; undefined for others in the container. */
function shimOf(pid: number): Process | undefined {
  try {
    const parent = parentOf(pid)
    return isShim(parent) ? openProcess(parent) : undefined
  } catch {
    return undefined // it ended meanwhile
  }
}
