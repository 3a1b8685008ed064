import { readdirSync, readlinkSync } from 'node:fs'
import { openProcess, SIGNALS } from '../kernel/process.ts'

/** `mnt:[4026531840]`, or undefined when there is no such process any more, or none that we may look at. */
export function namespaceOf(pid: number | 'self', kind: 'mnt' | 'pid' | 'uts'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  } catch {
    return undefined
  }
}

/** Every process that we can see, by its number. */
export function processNumbers(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid))
}

/**
 * Ends every process in a container's mount namespace. Where containers share a PID namespace the kernel does not end a container's other
 * processes with its first one.
 */
export function killMembers(mounts: string): void {
  const killed = new Set<number>()
  // Until a look finds none that is new: one of them may just have started another.
  for (;;) {
    const found = processNumbers().filter((pid) => !killed.has(pid) && namespaceOf(pid, 'mnt') === mounts)
    if (found.length === 0) return
    for (const pid of found) {
      killed.add(pid)
      const member = openProcess(pid)
      // The number may have gone to another process in between.
      if (namespaceOf(pid, 'mnt') === mounts) member?.signal(SIGNALS.KILL)
      member?.close()
    }
  }
}
