import { closeSync, constants, openSync } from 'node:fs'
import { declareRaw, errnoOf, KernelError } from './libc.ts'

const LOCK_SH = 1
const LOCK_EX = 2
const EINTR = errnoOf('EINTR')
const flock = declareRaw<[number, number]>('int flock(int, int)')

/** A descriptor that shares the file (flock(2)) for as long as any process has it: who inherits it does, too. The caller closes it. */
export function shareFile(path: string): number {
  return lock(path, LOCK_SH)
}

/** Waits until nobody shares the file any more. Only where that takes moments: the thread waits. */
export function awaitUnshared(path: string): void {
  closeSync(lock(path, LOCK_EX))
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
