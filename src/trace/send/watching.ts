import { setMaxListeners } from 'node:events'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Agent } from '../agent.ts'
import type { LiveSpec } from '../live/spec.ts'
import type { Observation } from '../observation.ts'
import type { WatchSpec } from '../observe/spec.ts'

/** Watchers on several machines. What cannot be watched is told as an observation: a trace is asked for when something is broken. */
export interface Watching {
  /** Fulfilled when all of them stand, or will not. */
  readonly ready: Promise<void>
  /** Asks all for their end and gives what all saw, in no order. */
  finish(): Promise<Observation[]>
  /** Ends them without waiting; nothing else needs to be called. */
  abandon(): void
}

export interface Watcher {
  readonly node: string
  readonly agent: Agent
  readonly spec: WatchSpec | LiveSpec
}

/** `patienceMs`: how long an agent may take to stand, and to end. `hear`: gets each observation when it comes; then none is kept. */
export function watchAll(
  watchers: readonly Watcher[],
  patienceMs: number,
  hear?: (observation: Observation) => void,
): Watching {
  const stop = new AbortController()
  // Each watcher listens to it: a cluster has many.
  setMaxListeners(0, stop.signal)
  const all: Observation[] = []
  const running = watchers.map((watcher) =>
    watch(watcher, stop.signal, patienceMs, hear ?? ((observation) => all.push(observation))),
  )
  return {
    ready: Promise.all(running.map(({ stands }) => stands)).then(() => {}),
    async finish() {
      stop.abort()
      await Promise.all(running.map(({ ends }) => ends))
      return [...all]
    },
    abandon: () => stop.abort(),
  }
}

function watch(
  { node, agent, spec }: Watcher,
  stop: AbortSignal,
  patienceMs: number,
  see: (observation: Observation) => void,
): { stands: Promise<void>; ends: Promise<void> } {
  const stands = Promise.withResolvers<void>()
  const ends = Promise.withResolvers<void>()
  const own = new AbortController()
  let timer = setTimeout(lose, patienceMs, 'it took too long to begin')
  let done = false
  stop.addEventListener('abort', ask, { once: true })
  run().catch((error: unknown) => lose(error instanceof KubehopError ? error.plain : messageOf(error)))
  return { stands: stands.promise, ends: ends.promise }

  async function run(): Promise<void> {
    for await (const observation of agent.observe(spec, own.signal)) {
      if (done) continue
      see(observation)
      if (observation.kind === 'ready') {
        clearTimeout(timer)
        stands.resolve()
      }
      // Nobody has to wait until the watcher has put its sockets away.
      if (observation.kind === 'end') finish()
    }
    if (!done) throw new Error('it ended without saying so')
  }

  function ask(): void {
    own.abort()
    if (done) return
    clearTimeout(timer)
    timer = setTimeout(lose, patienceMs, 'it took too long to end')
  }

  function lose(say: string): void {
    if (done) return
    see({ kind: 'unwatched', node, say })
    finish()
    own.abort()
  }

  function finish(): void {
    done = true
    clearTimeout(timer)
    stop.removeEventListener('abort', ask)
    stands.resolve()
    ends.resolve()
  }
}
