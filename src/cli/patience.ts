import type { Client, ListRequest } from '../api/client/client.ts'
import type { KindName } from '../api/objects/index.ts'
import { qualified, resources } from '../api/resources.ts'
import { KubehopError } from '../base/errors.ts'
import { listed } from '../doctor/findings/finding.ts'

/** Enough for a large cluster over a slow line, and not so long that one wonders. */
const usualMs = 15_000

/** One deadline for everything that is asked of a strange API server: one that never ends its answers, or trickles, holds nobody. */
export interface Patience {
  /** Ends what is still asked when the time is over. */
  readonly signal: AbortSignal
  /** The client's lists, within the time. */
  readonly client: Pick<Client, 'list'>
  /**
   * The whole answer about something, `pods`.
   * @throws KubehopError `Unreachable` that names the server and everything that it has not answered, when the time is over.
   */
  of<T>(what: string, answer: Promise<T>): Promise<T>
  end(): void
}

/** `room`: whose errors these are. `ms`: from now on; default: 15 s. */
export function patience(room: string, server: string, client: Client, ms: number = usualMs): Patience {
  const late = new AbortController()
  const waiting: string[] = []
  const timer = setTimeout(() => late.abort(tooLate(room, server, ms, waiting)), ms)
  const over = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () => reject(late.signal.reason as KubehopError), { once: true })
  })
  // Nobody may be asking at that moment.
  over.catch(() => {})
  const of = async <T>(what: string, answer: Promise<T>): Promise<T> => {
    waiting.push(what)
    try {
      return await Promise.race([answer, over])
    } finally {
      if (!late.signal.aborted) waiting.splice(waiting.indexOf(what), 1)
    }
  }
  return {
    signal: late.signal,
    client: {
      list: <K extends KindName>(kind: K, options: ListRequest = {}) =>
        of(qualified(resources[kind]), client.list(kind, { ...options, signal: late.signal })),
    },
    of,
    end: () => clearTimeout(timer),
  }
}

function tooLate(room: string, server: string, ms: number, waiting: readonly string[]): KubehopError {
  const what = waiting.length === 0 ? '' : ` to the question for ${listed(waiting)}`
  const say = `${server}: no whole answer${what} within ${ms / 1000} s; --timeout SECONDS waits longer`
  return new KubehopError(room, 'look at the cluster', 'Unreachable', say)
}
