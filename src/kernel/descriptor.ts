import { declareRaw, KernelError } from './libc.ts'

const F_SETFD = 2
const FD_CLOEXEC = 1
const fcntl = declareRaw<[number, number, string, number]>('int fcntl(int, int, ...)')

/** Keeps an inherited descriptor from being inherited further. */
export function closeOnExec(fd: number): void {
  const result = fcntl(fd, F_SETFD, 'int', FD_CLOEXEC)
  if (result < 0) throw new KernelError('set close-on-exec', -result)
}
