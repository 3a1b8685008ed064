import { declareRaw, KernelError } from './libc.ts'

const pidfdGetfd = declareRaw<[number, string, number, string, number, string, number]>('long syscall(long, ...)')
const SYS_pidfd_getfd = 438

/**
 * A copy of another process's descriptor (pidfd_getfd(2)), closed on exec: of the same open file, so that a terminal's master or a pipe lives
 * on here when that process ends. The caller closes it. Needs the right to trace that process.
 */
export function copyDescriptor(pidfd: number, fd: number): number {
  const result = pidfdGetfd(SYS_pidfd_getfd, 'int', pidfd, 'int', fd, 'unsigned int', 0)
  if (result < 0) throw new KernelError("take another process's descriptor", -result)
  return result
}
