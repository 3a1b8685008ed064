import { setTimeout as pause } from 'node:timers/promises'
import { unlessTaken } from '../../kernel/lock.ts'

/** As long as a runtime may well wait for. Milliseconds. */
const patienceMs = 30_000
const longestPauseMs = 50

/**
 * Runs a body that locks folders, without holding up the thread while somebody else has one (a plugin that runs without the agent). Resolves to
 * the folder's path when that takes too long, or when `stop` says that nobody waits for it any more.
 */
export async function whenFree<T>(body: () => T, stop: () => boolean): Promise<{ done: T } | { taken: string }> {
  const until = performance.now() + patienceMs
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const result = unlessTaken(body)
    if ('done' in result || stop() || performance.now() > until) return result
    // flock(2) tells only those who wait in it; and a thread that does cannot be called off, not even at the end of the process.
    await pause(pauseMs)
  }
}
