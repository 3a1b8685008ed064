import { triggerTimeAnnotation } from '../slim.ts'

/** What this file reads of an EndpointSlice. */
export interface Triggered {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
}

/** The times of pods' changes that the kernel does not have yet. */
export interface Triggers {
  /** A slice is there now; `old` is what it was. */
  add(slice: Triggered, old?: Triggered): void
  /** How many seconds ago each of them was; they are forgotten. */
  take(): number[]
}

/** What a proxy remembers whose kernel refuses everything; the rest goes uncounted. */
const most = 10_000

/**
 * Changes from before the start are not counted, as upstream does (pkg/proxy/endpointschangetracker.go): a new agent would count them all again. Nor are
 * changes of a slice that have no new time.
 */
export function openTriggers(now: () => number = Date.now): Triggers {
  const started = now()
  let times: number[] = []
  return {
    add(slice, old) {
      const text = slice.metadata.annotations?.[triggerTimeAnnotation]
      if (text === undefined || text === old?.metadata.annotations?.[triggerTimeAnnotation]) return
      const time = Date.parse(text)
      if (time > started && times.length < most) times.push(time)
    },
    take() {
      const taken = times
      times = []
      const at = now()
      // Another machine's clock may be ahead of ours.
      return taken.map((time) => Math.max(0, at - time) / 1000)
    },
  }
}
