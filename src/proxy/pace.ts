/** After a refusal: the first wait, doubled up to the last one. Milliseconds. */
const firstRetry = 100
/**
 * After somebody else's change: a second agent that was started by mistake wants the same, but may hear of a change of services a little earlier
 * or later.
 */
const firstRepair = 250
const longestRetry = 30_000
const longestRepair = 2000
/** Who has left the table alone for so long begins anew with the shortest wait. */
const quiet = 60_000

/** When the kernel is brought up to date. */
export interface Pace {
  /** Nothing is done before. */
  open(): void
  /** At the end of this turn of the event loop, so that all that arrives in it is one transaction; not before a wait is over. */
  soon(): void
  /** It went well: the next failure is a first one. */
  succeeded(): void
  /** Again, after some milliseconds, which it returns. */
  failed(): number
  /** The same after somebody else's change, later and later when that happens again and again. */
  disturbed(): number
  close(): void
}

export function openPace(go: () => void): Pace {
  let state: 'waiting' | 'open' | 'closed' = 'waiting'
  let due: NodeJS.Immediate | undefined
  let timer: NodeJS.Timeout | undefined
  let retry = firstRetry
  let repair = firstRepair
  let lastDisturbed = Number.NEGATIVE_INFINITY

  return {
    open() {
      if (state === 'waiting') state = 'open'
      soon()
    },
    soon,
    succeeded() {
      retry = firstRetry
    },
    failed() {
      const wait = retry
      retry = Math.min(retry * 2, longestRetry)
      return later(wait)
    },
    disturbed() {
      const now = performance.now()
      if (now - lastDisturbed > quiet) repair = firstRepair
      lastDisturbed = now
      const wait = repair
      repair = Math.min(repair * 2, longestRepair)
      return later(wait)
    },
    close() {
      state = 'closed'
      clearImmediate(due)
      clearTimeout(timer)
    },
  }

  function soon(): void {
    if (state !== 'open' || due || timer) return
    due = setImmediate(() => {
      due = undefined
      go()
    })
  }

  function later(ms: number): number {
    if (state === 'closed') return ms
    clearImmediate(due)
    due = undefined
    clearTimeout(timer)
    timer = setTimeout(() => {
      timer = undefined
      soon()
    }, ms)
    return ms
  }
}
