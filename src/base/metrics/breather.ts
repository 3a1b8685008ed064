import { setImmediate as turn } from 'node:timers/promises'

/** For long work in small steps: when is it time to let others have the event loop? */
export interface Breather {
  /** Others have waited for `ms` or longer. */
  due(): boolean
  /** Until the event loop has gone round. */
  pause(): Promise<void>
}

export function breather(ms = 0.5): Breather {
  let since = performance.now()
  return {
    due: () => performance.now() - since >= ms,
    async pause() {
      await turn()
      since = performance.now()
    },
  }
}
