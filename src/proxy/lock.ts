import { tryLockFolder } from '../kernel/lock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

/** How often a waiting agent looks whether the other has ended. Nobody tells: a lock that goes with its process cannot. Milliseconds. */
const lookEvery = 250

/**
 * Holds a folder, so that only one agent at a time serves a node: a second one, started by mistake or before the first has ended, waits for it.
 * The lock goes with the process, however that ends. `held` is called once, as soon as it is.
 */
export function holdAlone(folder: string, log: Log, held: () => void, waits: () => void): Disposable {
  let lock: Disposable | undefined
  let timer: NodeJS.Timeout | undefined
  const tryIt = (): boolean => {
    lock = tryLockFolder(folder, 0o700)
    if (lock) held()
    return lock !== undefined
  }
  if (!tryIt()) {
    log.warn({ folder }, 'another agent serves the services of this node: waiting until it ends')
    waits()
    timer = setInterval(() => {
      try {
        if (tryIt()) clearInterval(timer)
      } catch (error) {
        log.error({ folder, err: messageOf(error) }, 'the lock cannot be looked at; trying again')
      }
    }, lookEvery)
  }
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      lock?.[Symbol.dispose]()
      lock = undefined
    },
  }
}
