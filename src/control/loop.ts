import { ApiError, type Change, type Client } from '../api/client/client.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'
import type { Log } from '../base/log.ts'
import type { Plan } from './action.ts'
import type { Clock } from './clock.ts'
import type { AnyChange, LiveView } from './live.ts'
import { perform } from './perform.ts'
import { makeQueue } from './queue.ts'
import type { View } from './view.ts'

/** A control loop: which keys a change wakes, and what is to be done about a key. It changes nothing itself. */
export interface Loop {
  readonly name: string
  readonly wakes: Wakes
  /** Keys that are looked at from the start, whether or not an object names them. */
  readonly always?: readonly string[]
  /** Computed from the view alone (and the time, in ms since 1970). A loop that must ask the API again first may be asynchronous. */
  desired(key: string, view: View, now: number): Plan | Promise<Plan>
}

export type Wakes = { readonly [K in KindName]?: (change: Change<Kinds[K]>, view: View) => Iterable<string> }

export interface Running {
  wake(change: AnyChange): void
  open(): void
  close(): void
}

export interface LoopContext {
  client: Client
  live: LiveView
  clock: Clock
  log: Log
}

/** Runs a loop: one piece of work per key at a time, tried again until it succeeds. */
export function run(loop: Loop, { client, live, clock, log }: LoopContext): Running {
  const queue = makeQueue({
    clock,
    async work(key) {
      const { actions, again } = await loop.desired(key, live.view, clock.now())
      if (actions.length > 0) log.debug({ loop: loop.name, key, actions: actions.map((action) => action.do) }, 'acting')
      await perform(client, live, actions)
      return again
    },
    failed(key, error, retryMs) {
      // Somebody changed it meanwhile: expected, and settled by looking again.
      const level = error instanceof ApiError && (error.code === 409 || error.code === 404) ? 'debug' : 'warn'
      log[level]({ loop: loop.name, key, retryMs, err: error }, `${loop.name}: ${key}: trying again`)
    },
  })
  for (const key of loop.always ?? []) queue.add(key)
  return {
    wake(change) {
      const keys = loop.wakes[change.object.kind] as ((change: AnyChange, view: View) => Iterable<string>) | undefined
      for (const key of keys?.(change, live.view) ?? []) queue.add(key)
    },
    open: queue.open,
    close: queue.close,
  }
}

/** The object of a change, and what it was before. */
export function bothOf<T>(change: Change<T>): T[] {
  return change.type === 'modified' ? [change.object, change.old] : [change.object]
}
