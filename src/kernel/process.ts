import { readFileSync } from 'node:fs'
import { close, declareRaw, errnoOf, KernelError } from './libc.ts'
import { whenReadable } from './reactor.ts'

const pidfdOpenRaw = declareRaw<[number, string, number, string, number]>('long syscall(long, ...)')
const pidfdSendRaw =
  declareRaw<[number, string, number, string, number, string, null, string, number]>('long syscall(long, ...)')
const SYS_pidfd_open = 434
const SYS_pidfd_send_signal = 424
const PIDFD_SIGNAL_PROCESS_GROUP = 4
const ESRCH = errnoOf('ESRCH')
const EINVAL = errnoOf('EINVAL')

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessRecord {
  pid: number
  /** Clock ticks since the machine started (proc_pid_stat(5), field 22). */
  started: string
}

/** A process, held by a pidfd: signals reach this very process or none. */
export interface Process extends ProcessRecord {
  /** For setns(2) and waiting; valid until `close`. */
  readonly fd: number
  /** Fulfilled when the process has ended, whoever its parent is; never after `close`. */
  readonly ended: Promise<void>
  /** False when it has ended, or was closed. */
  signal(number: number): boolean
  /** To the process group that it leads, with those that its first process left; on Linux before 6.9 to the process alone. */
  signalGroup(number: number): boolean
  close(): void
}

/** The process with this number, or undefined when there is none, or (with `started`) when it is another one. */
export function openProcess(pid: number, started?: string): Process | undefined {
  const fd = pidfdOpenRaw(SYS_pidfd_open, 'int', pid, 'unsigned int', 0)
  if (fd === -ESRCH || fd === -EINVAL) return undefined
  if (fd < 0) throw new KernelError('open a process', -fd)
  // Read after the pidfd exists: if the pid was given to another process in between, the times differ.
  const found = startedAt(pid)
  if (found === undefined || (started !== undefined && found !== started)) {
    close('close a pidfd', fd)
    return undefined
  }
  return new HeldProcess(pid, found, fd)
}

class HeldProcess implements Process {
  readonly pid: number
  readonly started: string
  readonly #fd: number
  #open = true
  #ended: Promise<void> | undefined
  #stop: (() => void) | undefined

  constructor(pid: number, started: string, fd: number) {
    this.pid = pid
    this.started = started
    this.#fd = fd
  }

  get fd(): number {
    if (!this.#open) throw new TypeError('kernel: this process was closed')
    return this.#fd
  }

  get ended(): Promise<void> {
    this.#ended ??= new Promise((resolve) => {
      this.#stop = whenReadable(this.fd, () => {
        this.#stop?.()
        resolve()
      })
    })
    return this.#ended
  }

  signal(number: number): boolean {
    if (!this.#open) return false
    return told(number, sendRaw(this.fd, number, 0))
  }

  signalGroup(number: number): boolean {
    if (!this.#open) return false
    const result = sendRaw(this.fd, number, PIDFD_SIGNAL_PROCESS_GROUP)
    return result === -EINVAL ? this.signal(number) : told(number, result)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#stop?.()
    close('close a pidfd', this.#fd)
  }
}

function sendRaw(fd: number, number: number, flags: number): number {
  return pidfdSendRaw(SYS_pidfd_send_signal, 'int', fd, 'int', number, 'void *', null, 'unsigned int', flags)
}

function told(number: number, result: number): boolean {
  if (result < 0 && result !== -ESRCH) throw new KernelError(`send signal ${number}`, -result)
  return result === 0
}

/** When the process started, or undefined when there is none, or it has ended and only waits to be reaped. */
export function startedAt(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined // ENOENT or ESRCH: it ended
  }
  // The name in field 2 may hold anything, parentheses and spaces too; the last `)` ends it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

export const SIGNALS: { readonly TERM: 15; readonly KILL: 9; readonly HUP: 1 } = { TERM: 15, KILL: 9, HUP: 1 }
