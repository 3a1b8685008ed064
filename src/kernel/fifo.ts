import { closeSync, constants, openSync } from 'node:fs'
import { declareRaw, errnoOf, KernelError } from './libc.ts'

const mkfifo = declareRaw<[string, number]>('int mkfifo(const char *, unsigned int)')
const pipe2 = declareRaw<[Uint8Array, number]>('int pipe2(_Out_ void *, int)')
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

/** The reading end, non-blocking; end of file comes when the last writer has gone, or at once when there is none. The caller closes it. */
export function openFifoToRead(path: string): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  // poll(2) tells of writers that have gone only to who saw one come.
  closeSync(openSync(path, constants.O_RDWR))
  return fd
}

/** An unnamed pipe, closed on exec; unlike Node's own pipes to children it can be opened again through /dev/stdout. */
export function makePipe(): { read: number; write: number } {
  const ends = new Uint8Array(8)
  const result = pipe2(ends, 0o2000000)
  if (result < 0) throw new KernelError('make a pipe', -result)
  const view = new DataView(ends.buffer)
  return { read: view.getInt32(0, true), write: view.getInt32(4, true) }
}
