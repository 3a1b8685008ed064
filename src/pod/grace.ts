import type { Pod } from '../api/objects/pod.ts'

const usualGraceSeconds = 30

/** How many milliseconds a pod's containers may take to end. `now` counts as Date.now() does. */
export function graceMsOf({ metadata, spec }: Pod, now: number): number {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata
  const granted = deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? usualGraceSeconds
  if (deletionTimestamp === undefined) return granted * 1000
  // The API counts the grace from the wish, and an agent that comes later has only the rest of it. The time is written without
  // fractions, so up to a second of the grace is not in it.
  return Math.max(0, Math.min(granted * 1000, Date.parse(deletionTimestamp) + 1000 - now))
}
