import { constants, openSync } from 'node:fs'
import { declareRaw, errnoOf, KernelError } from './libc.ts'

const mkfifo = declareRaw<[string, number]>('int mkfifo(const char *, unsigned int)')
const fcntl = declareRaw<[number, number, string, number]>('int fcntl(int, int, ...)')
const EEXIST = errnoOf('EEXIST')
const F_SETPIPE_SZ = 1031

/** Makes a named pipe; one that is there already stays. */
export function makeFifo(path: string): void {
  const result = mkfifo(path, 0o600)
  if (result < 0 && result !== -EEXIST) throw new KernelError(`make the pipe ${path}`, -result)
}

/**
 * Both ends, blocking: opening never waits, and who inherits it neither gets SIGPIPE nor an end of file. It holds up to `capacity`
 * bytes while nobody reads; where the kernel grants less (pipe(7), pipe-user-pages-soft), the usual 64 KiB.
 */
export function openFifoBothEnds(path: string, capacity: number): number {
  const fd = openSync(path, constants.O_RDWR)
  fcntl(fd, F_SETPIPE_SZ, 'int', capacity)
  return fd
}

/** The reading end, non-blocking; end of file comes when the last writer has gone. The caller closes it. */
export function openFifoToRead(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
}
