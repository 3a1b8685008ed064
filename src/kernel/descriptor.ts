import { close } from 'node:fs'
import { declareRaw, KernelError } from './libc.ts'

const F_SETFD = 2
const FD_CLOEXEC = 1
const fcntl = declareRaw<[number, number, string, number]>('int fcntl(int, int, ...)')

/** Keeps an inherited descriptor from being inherited further. */
export function closeOnExec(fd: number): void {
  const result = fcntl(fd, F_SETFD, 'int', FD_CLOEXEC)
  if (result < 0) throw new KernelError('set close-on-exec', -result)
}

/**
 * Closes on a thread of libuv's pool. Closing a packet socket, or one that owns an nf_tables table, waits until every CPU has let go of it:
 * some 10 ms each, and several at once wait together.
 */
export function closeElsewhere(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    close(fd, (error) => (error ? reject(error) : resolve()))
  })
}
