import { ApiError } from '../api/client/client.ts'
import type { Extensions } from '../api/server/handler.ts'

export const traceStopPath = '/kubehop/trace/stop'

/** Many requests that are being sent, by the `id` in their wishes: who wished for them may end them early, and gets the account of those that were sent. */
export class TraceStops {
  readonly #running = new Map<string, AbortController>()

  /** Does it with a signal that {@link extensions} can set. */
  async during<T>(id: string | undefined, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController()
    if (id !== undefined) this.#running.set(id, stop)
    try {
      return await work(stop.signal)
    } finally {
      if (id !== undefined) this.#running.delete(id)
    }
  }

  /** Answers `POST /kubehop/trace/stop`. */
  extensions(): Extensions {
    return {
      [traceStopPath]: async (body) => {
        const { id } = (typeof body === 'object' && body !== null ? body : {}) as { id?: unknown }
        const stop = typeof id === 'string' ? this.#running.get(id) : undefined
        if (!stop) throw new ApiError(404, 'NotFound', 'no trace with this id runs: it has ended already')
        stop.abort()
        return {}
      },
    }
  }
}
