import { closeSync, existsSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { declareRaw, errnoOf, KernelError } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4
const EINTR = errnoOf('EINTR')
const EWOULDBLOCK = errnoOf('EAGAIN')
const flock = declareRaw<[number, number]>('int flock(int, int)')

/**
 * Waits until nobody else holds this folder, and holds it until disposed (flock(2); it goes with the process, too). The folder is made when
 * it is missing, and made again when somebody removed it while we waited. For short work only: the thread waits.
 */
export function lockFolder(path: string, mode: number): Disposable {
  for (;;) {
    const held = lockOnce(path, mode, patience === undefined ? LOCK_EX : LOCK_EX | LOCK_NB)
    if (typeof held === 'object') return held
    if (held === 'taken') throw gaveUp(path)
  }
}

/**
 * Runs `body`, in which {@link lockFolder} does not wait: it throws EAGAIN, and whatever `body` makes of that, the folder is told here, for
 * who must not hold up its thread. `body` is synchronous and changes nothing before it has its locks, so that it can be run again.
 */
export function unlessTaken<T>(body: () => T): { done: T } | { taken: string } {
  const before = patience
  const own: { taken?: string } = (patience = {})
  try {
    const done = body()
    return own.taken === undefined ? { done } : { taken: own.taken }
  } catch (error) {
    if (own.taken === undefined) throw error
    return { taken: own.taken }
  } finally {
    patience = before
  }
}
let patience: { taken?: string } | undefined

function gaveUp(path: string): KernelError {
  if (patience !== undefined) patience.taken ??= path
  return new KernelError(`lock ${path}`, EWOULDBLOCK, 'somebody else holds it')
}

/** The same without waiting: undefined when somebody else holds it. */
export function tryLockFolder(path: string, mode: number): Disposable | undefined {
  for (;;) {
    const held = lockOnce(path, mode, LOCK_EX | LOCK_NB)
    if (held !== 'removed') return held === 'taken' ? undefined : held
  }
}

function lockOnce(path: string, mode: number, how: number): Disposable | 'removed' | 'taken' {
  const fd = openIfThere(path)
  if (fd === undefined) {
    makeFolders(path, mode)
    return 'removed'
  }
  let result: number
  do result = flock(fd, how)
  while (result === -EINTR)
  if (result === 0 && statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino)
    return { [Symbol.dispose]: () => closeSync(fd) }
  closeSync(fd)
  if (result === -EWOULDBLOCK) return 'taken'
  if (result < 0) throw new KernelError(`lock ${path}`, -result)
  return 'removed'
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    // Removed since it was made, by who held it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Node's own `recursive` never comes back from a file system in which nothing can be made, such as /proc. */
function makeFolders(path: string, mode: number): void {
  const parent = dirname(path)
  if (!existsSync(parent)) makeFolders(parent, mode)
  try {
    mkdirSync(path, mode)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // The parent was removed in between; in /proc it is there, and nothing can be made in it.
    if (code === 'ENOENT' && !existsSync(parent)) makeFolders(path, mode)
    else if (code !== 'EEXIST') throw error
  }
}
