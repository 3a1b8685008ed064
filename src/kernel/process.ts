import { readFileSync } from 'node:fs'
import { close, declareRaw, errnoOf, KernelError } from './libc.ts'
import { readableOnce } from './reactor.ts'

// Numbers of system calls that glibc 2.35 does not wrap (arch/x86/entry/syscalls/syscall_64.tbl; the same on arm64).
const PIDFD_SEND_SIGNAL = 424
const PIDFD_OPEN = 434
const ESRCH = errnoOf('ESRCH')
const F_SETFD = 2
const FD_CLOEXEC = 1

const pidfdCall = declareRaw<[number, string, number, string, number]>('long syscall(long, ...)')
const signalCall =
  declareRaw<[number, string, number, string, number, string, null, string, number]>('long syscall(long, ...)')
const fcntl = declareRaw<[number, number, string, number]>('int fcntl(int, int, ...)')

/** When a process started, in clock ticks since boot (proc_pid_stat(5), field 22); undefined when there is none or it is a zombie. */
export function startTimeOf(pid: number): number | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name stands in parentheses and may contain anything, parentheses and spaces included.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19])
}

/** A process, held so that its number cannot come to mean another one. */
export interface ProcessHandle {
  readonly pid: number
  /** Resolves when the process has ended; waiting keeps this process alive. */
  ended(): Promise<void>
  /** False when it is gone already. */
  signal(number: number): boolean
  /** Lets go; not while somebody waits for its end. */
  close(): void
}

/** undefined when there is no such process, or when `startTime` is given and it is not that one. */
export function holdProcess(pid: number, startTime?: number): ProcessHandle | undefined {
  const fd = pidfdCall(PIDFD_OPEN, 'long', pid, 'long', 0)
  if (fd === -ESRCH) return undefined
  if (fd < 0) throw new KernelError(`hold process ${pid}`, -fd)
  if (startTime !== undefined && startTimeOf(pid) !== startTime) {
    close('close a pidfd', fd)
    return undefined
  }
  let ended: Promise<void> | undefined
  return {
    pid,
    ended: () => (ended ??= readableOnce(fd)),
    signal(number) {
      const result = signalCall(PIDFD_SEND_SIGNAL, 'long', fd, 'long', number, 'void *', null, 'long', 0)
      if (result === -ESRCH) return false
      if (result < 0) throw new KernelError(`signal process ${pid}`, -result)
      return true
    },
    close: () => void close('close a pidfd', fd),
  }
}

/** Keeps an inherited descriptor from being inherited further. */
export function closeOnExec(fd: number): void {
  const result = fcntl(fd, F_SETFD, 'int', FD_CLOEXEC)
  if (result < 0) throw new KernelError('set close-on-exec', -result)
}
