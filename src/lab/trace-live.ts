import { ApiError } from '../api/client/client.ts'
import type { Extensions } from '../api/server/handler.ts'
import { explain } from '../doctor/explain.ts'
import { longest, mostFollowed, traceLive } from '../trace/live/live.ts'
import type { LiveEvent } from '../trace/live/types.ts'
import { type Around, readTraceWish, refusal, type TraceWish } from './trace.ts'

export const livePath = '/kubehop/trace/live'
export const liveStopPath = '/kubehop/trace/live/stop'

export interface LiveWish extends TraceWish {
  /** How long it is watched. */
  seconds: number
  /** So many of the first connections are told as whole stories. */
  stories?: number | undefined
}

/** Watches in a lab. A refusal is an ApiError. */
export type LiveTracer = (wish: LiveWish, stop: AbortSignal, gone: AbortSignal) => AsyncGenerator<LiveEvent>

export function liveTracerOf(around: () => Around): LiveTracer {
  return async function* ({ from, to, namespace, timeoutMs, seconds, stories }, stop, signal) {
    try {
      yield* traceLive({
        ...around(),
        from,
        to,
        seconds,
        ...(namespace !== undefined && { namespace }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(stories !== undefined && { stories }),
        stop,
        signal,
        explain,
      })
    } catch (error) {
      throw refusal(error)
    }
  }
}

/**
 * Answers `POST /kubehop/trace/live` with one LiveEvent a line, until the time is over, the connection breaks, or `POST /kubehop/trace/live/stop` with the
 * `id` of the first line asks for the summary.
 */
export function liveExtensions(tracer: LiveTracer): Extensions {
  const running = new Map<string, AbortController>()
  async function* live(body: unknown, gone: AbortSignal): AsyncGenerator<LiveEvent> {
    const stop = new AbortController()
    let id: string | undefined
    try {
      for await (const event of tracer(readLiveWish(body), stop.signal, gone)) {
        if (event.kind === 'watching') {
          id = event.id
          running.set(id, stop)
        }
        yield event
      }
    } finally {
      if (id !== undefined) running.delete(id)
    }
  }
  return {
    [livePath]: async (body, gone) => live(body, gone),
    async [liveStopPath](body) {
      const { id } = body as { id?: unknown }
      const stop = typeof id === 'string' ? running.get(id) : undefined
      if (!stop) throw new ApiError(404, 'NotFound', 'no watch with this id runs: it has ended already')
      stop.abort()
      return {}
    },
  }
}

function readLiveWish(body: unknown): LiveWish {
  const wish = readTraceWish(body)
  const { seconds, stories } = body as Record<string, unknown>
  const timed = typeof seconds === 'number' && seconds > 0 && seconds <= longest
  const told = stories === undefined || (typeof stories === 'number' && Number.isInteger(stories) && stories >= 0)
  if (!timed || !told)
    throw new ApiError(
      400,
      'BadRequest',
      `a live trace is { from, to, seconds } with seconds up to ${longest} and, if wished, a namespace, timeoutMs, and stories (up to ${mostFollowed})`,
    )
  return { ...wish, seconds, ...(stories !== undefined && { stories: Math.min(stories, mostFollowed) }) }
}
