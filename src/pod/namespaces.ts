import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { KubehopError } from '../base/errors.ts'
import { openProcess, type Process, SIGNALS, startedAt } from '../kernel/process.ts'

/** `mnt:[4026531840]`, or undefined when there is no such process any more, or none that we may look at. */
export function namespaceOf(pid: number | 'self', kind: 'mnt' | 'pid' | 'uts'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  } catch {
    return undefined
  }
}

/** A descriptor of the namespace that a process is in, and what {@link namespaceOf} says of it; undefined as there. The caller closes it. */
export function holdNamespace(pid: number, kind: 'mnt' | 'uts'): { fd: number; name: string } | undefined {
  try {
    const fd = openSync(`/proc/${pid}/ns/${kind}`, 'r')
    return { fd, name: readlinkSync(`/proc/self/fd/${fd}`) }
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
 * The processes of one container, told by its mount namespace: where containers share a PID namespace the kernel does not end a container's other
 * processes with its first one. The namespace is held as long as this is open: the kernel gives the number of one that has gone to the next that is
 * made, which may be that of a container that was started meanwhile. Its file systems stay mounted so long, too.
 */
export class Members {
  readonly #mounts: string
  #fd: number | undefined

  private constructor(mounts: string, fd: number) {
    this.#mounts = mounts
    this.#fd = fd
  }

  /**
   * Of the container whose first process this is and that began in the namespace `mounts`. undefined when it has ended, or has gone to another namespace,
   * as `nsenter --mount` does: whoever is there is none of the container's, and may be all of this machine.
   */
  static of(first: Process, mounts: string): Members | undefined {
    const held = holdNamespace(first.pid, 'mnt')
    // Asked when the namespace is held: its number can be another one's no more.
    if (held?.name === mounts && startedAt(first.pid) === first.started) return new Members(mounts, held.fd)
    if (held) closeSync(held.fd)
    return undefined
  }

  /** Ends them all. Rejects when new ones come as fast as they are ended. */
  async kill(): Promise<void> {
    const told = new Set<number>()
    const deadline = Date.now() + patienceMs
    // Until a look finds none that is new: one of them may just have started another.
    for (;;) {
      const found = processNumbers().filter((pid) => !told.has(pid) && namespaceOf(pid, 'mnt') === this.#mounts)
      if (found.length === 0) break
      if (Date.now() > deadline)
        throw new KubehopError('pod', 'container', 'Busy', 'its processes start new ones faster than they can be ended')
      // First all are stopped: one that ended would make room for another where their number is limited.
      for (const pid of found) {
        told.add(pid)
        signal(pid, this.#mounts, STOP)
      }
      await new Promise(setImmediate)
    }
    for (const pid of told) signal(pid, this.#mounts, SIGNALS.KILL)
  }

  /** Lets go of the namespace. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

const patienceMs = 5000

const { SIGSTOP: STOP } = constants.signals

/** The number may have gone to another process in between. */
function signal(pid: number, mounts: string, number: number): void {
  const member = openProcess(pid)
  if (namespaceOf(pid, 'mnt') === mounts) member?.signal(number)
  member?.close()
}
