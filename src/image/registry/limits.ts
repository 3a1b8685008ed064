/** What a registry may take. Times are milliseconds. */
export interface PullLimits {
  /** To a connection, TLS included. */
  connectMs: number
  /** From the request to the head of the answer; the same again to the end of a small one. */
  answerMs: number
  /** Within each such time a layer has to bring `slowBytes`, or its connection is given up. */
  slowMs: number
  slowBytes: number
  /** How often a layer is asked for: each time from where the last try ended. */
  tries: number
  /** Before the second try; twice as long before each one after that. */
  retryMs: number
  /** One after another, for one request. */
  redirects: number
  /** Layers that are fetched at once. */
  atOnce: number
}

export const usualPullLimits: PullLimits = {
  connectMs: 20_000,
  answerMs: 30_000,
  slowMs: 30_000,
  slowBytes: 64 * 2 ** 10,
  tries: 6,
  retryMs: 500,
  redirects: 5,
  // As Docker and containerd.
  atOnce: 3,
}
