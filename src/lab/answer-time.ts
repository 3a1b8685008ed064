/** What the lab itself needs at most, in ms: names are asked, kernels read, watchers set up and ended. */
const ownMs = 60_000

/**
 * The time after which the supervisor no longer answers a trace or a diagnosis whose request waits `timeoutMs`: for its name, for itself,
 * and once more where time ran out. A number that is none is for the supervisor to refuse, in its own words.
 */
export function answerTime(timeoutMs = 0): AbortSignal {
  const asked = timeoutMs > 0 && timeoutMs < 1e6 ? timeoutMs : 0
  // Whole ones: Node takes no others.
  return AbortSignal.timeout(Math.ceil(asked) * 3 + ownMs)
}
