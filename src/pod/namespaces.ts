import { readdirSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { KubehopError } from '../base/errors.ts'
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

const patienceMs = 5000

/**
 * Ends every process in a container's mount namespace. Where containers share a PID namespace the kernel does not end a container's other
 * processes with its first one. Rejects when new ones come as fast as they are ended.
 */
export async function killMembers(mounts: string): Promise<void> {
  const told = new Set<number>()
  const deadline = Date.now() + patienceMs
  // Until a look finds none that is new: one of them may just have started another.
  for (;;) {
    const found = processNumbers().filter((pid) => !told.has(pid) && namespaceOf(pid, 'mnt') === mounts)
    if (found.length === 0) break
    if (Date.now() > deadline)
      throw new KubehopError('pod', 'container', 'Busy', 'its processes start new ones faster than they can be ended')
    // First all are stopped: one that ended would make room for another where their number is limited.
    for (const pid of found) {
      told.add(pid)
      signal(pid, mounts, STOP)
    }
    await new Promise(setImmediate)
  }
  for (const pid of told) signal(pid, mounts, SIGNALS.KILL)
}

const { SIGSTOP: STOP } = constants.signals

/** The number may have gone to another process in between. */
function signal(pid: number, mounts: string, number: number): void {
  const member = openProcess(pid)
  if (namespaceOf(pid, 'mnt') === mounts) member?.signal(number)
  member?.close()
}
