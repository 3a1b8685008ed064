import { setTimeout } from 'node:timers/promises'
import { tryLockFolder } from '../kernel/lock.ts'

/**
 * Holds a folder alone, until disposed or until this process ends. The kernel tells nobody when flock(2) could be had; a thread that blocks in it is one of
 * the few that Node has for files and unpacking, and keeps the process from ending. So it is asked again and again.
 */
export async function lockSoon(path: string, everyMs: number, signal?: AbortSignal): Promise<Disposable> {
  for (;;) {
    signal?.throwIfAborted()
    const held = tryLockFolder(path, 0o700)
    if (held) return held
    // What it throws itself hides why the signal came.
    await setTimeout(everyMs, undefined, signal && { signal }).catch(() => undefined)
  }
}

/** Waits for something, or for the signal, whichever comes first. @throws the signal's reason */
export async function settled(what: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<void>()
  const go = (): void => resolve()
  signal.addEventListener('abort', go, { once: true })
  what.then(go, go)
  await promise
  signal.removeEventListener('abort', go)
  signal.throwIfAborted()
}
