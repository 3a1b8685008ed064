import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import { declareRaw, errnoOf, KernelError } from './libc.ts'

const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4
const EINTR = errnoOf('EINTR')
const EWOULDBLOCK = errnoOf('EAGAIN')
const flock = declareRaw<[number, number]>('int flock(int, int)')

/** A descriptor that shares the file (flock(2)) for as long as any process has it: who inherits it does, too. The caller closes it. */
export function shareFile(path: string): number {
  return lock(path, LOCK_SH)
}

/** Waits until nobody shares the file any more. Only where that takes moments: the thread waits. */
export function awaitUnshared(path: string): void {
  closeSync(lock(path, LOCK_EX))
}

/** As {@link shareFile}, of a file that is there: undefined when it is gone, or one process holds it alone. */
export function tryShareFile(path: string): number | undefined {
  return tryLock(path, LOCK_SH)
}

/** Holds a file alone until disposed; undefined when it is gone, or somebody has it. */
export function tryHoldFile(path: string): Disposable | undefined {
  const fd = tryLock(path, LOCK_EX)
  return fd === undefined ? undefined : { [Symbol.dispose]: () => closeSync(fd) }
}

function tryLock(path: string, how: number): number | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  let result: number
  do result = flock(fd, how | LOCK_NB)
  while (result === -EINTR)
  // Who held it may have removed it.
  if (result === 0 && statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd
  closeSync(fd)
  if (result < 0 && result !== -EWOULDBLOCK) throw new KernelError(`lock ${path}`, -result)
}

function lock(path: string, how: number): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_CREAT, 0o600)
  let result: number
  do result = flock(fd, how)
  while (result === -EINTR)
  if (result === 0) return fd
  closeSync(fd)
  throw new KernelError(`lock ${path}`, -result)
}
