import { KubehopError } from '../../base/errors.ts'

/** Traces that one machine watches at once. Each costs every packet a filter for each namespace that is watched, and the machine sockets. */
export const mostWatched = 64

/** Refuses more than so many at once; whoever waits may come when one has ended. */
export function limited<Spec, Seen>(
  node: string,
  watch: (spec: Spec, signal: AbortSignal) => AsyncIterable<Seen>,
): (spec: Spec, signal: AbortSignal) => AsyncGenerator<Seen, void, undefined> {
  let running = 0
  return async function* (spec, signal) {
    if (running >= mostWatched) {
      const say = `${node} watches ${mostWatched} traces already, which is all it does at once: try again when one of them has ended`
      throw new KubehopError('trace', 'watch', 'TooManyTraces', say)
    }
    running++
    try {
      yield* watch(spec, signal)
    } finally {
      running--
    }
  }
}
