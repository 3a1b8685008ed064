import { triggeredAt } from '../../api/objects/endpointslice.ts'
import type { Annotated } from '../../api/objects/meta.ts'

/** The times of pods' changes that the kernel does not have yet. */
export interface Triggers {
  /** A slice is there now; `old` is what it was. */
  add(slice: Annotated, old?: Annotated): void
  /** How many seconds ago each of them was; they are forgotten. */
  take(): number[]
}

/** What a proxy remembers whose kernel refuses everything; the rest goes uncounted. */
const most = 10_000

export function openTriggers(now: () => number = Date.now): Triggers {
  const started = now()
  let times: number[] = []
  return {
    add(slice, old) {
      const time = triggeredAt(slice, old, started)
      if (time !== undefined && times.length < most) times.push(time)
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
