import type { Agent } from './agent.ts'
import type { Observation } from './observation.ts'
import type { WatchSpec } from './observe/spec.ts'

/** Watchers on several machines. */
export interface Watching {
  /** Fulfilled when all of them stand; rejected when one cannot. */
  readonly ready: Promise<void>
  /** Asks all for their end and gives what all saw, in no order. */
  finish(): Promise<Observation[]>
  /** Ends them without waiting; nothing else needs to be called. */
  abandon(): void
}

export function watchAll(watchers: readonly { agent: Agent; spec: WatchSpec }[]): Watching {
  const stop = new AbortController()
  const all: Observation[] = []
  const stands: Promise<void>[] = []
  const ends = watchers.map(({ agent, spec }) => {
    const stand = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    stands.push(stand.promise)
    const run = async (): Promise<void> => {
      for await (const observation of agent.observe(spec, stop.signal)) {
        all.push(observation)
        if (observation.kind === 'ready') stand.resolve()
        // Nobody has to wait until the watcher has put its sockets away.
        if (observation.kind === 'end') end.resolve()
      }
      throw new Error('trace: a watcher ended without saying so')
    }
    const fail = (error: unknown): void => {
      stand.reject(error)
      end.reject(error)
    }
    run().catch(fail)
    return end.promise
  })
  const ended = Promise.all(ends)
  // Whoever waits for `ready` or `finish` hears of a failure; without anyone waiting it must not end the process.
  ended.catch(() => {})
  const ready = Promise.all(stands).then(() => {})
  ready.catch(() => {})
  return {
    ready,
    async finish() {
      stop.abort()
      await ended
      return all
    },
    abandon: () => stop.abort(),
  }
}
