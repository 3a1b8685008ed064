/** Windows of this length are judged, in nanoseconds. */
const window = 200_000_000n
/** What may come at once without being too much. */
const burst = 400
/** A storm begins with a gust: less is guessed of it than its first moment says, because nothing takes back a part that is too small. */
const leastShare = 0.2
export const mostBits = 16

/**
 * Decides how large a part of what comes can be followed. Only ever less: what was left out for a moment could not be told rightly afterwards. Pure but
 * for what it remembers.
 */
export class Thinning {
  readonly #most: number
  #since = 0n
  #count = 0
  bits = 0

  /** `rate`: packets a second that are not too many. */
  constructor(rate: number) {
    this.#most = Math.ceil((rate * Number(window)) / 1e9)
  }

  /** A packet of this time (nanoseconds). True: `bits` has grown, and what waits already is to be left out. */
  see(time: bigint): boolean {
    if (time - this.#since >= window) {
      this.#since = time
      this.#count = 0
    }
    this.#count++
    const most = this.#most + burst
    if (this.#count < most || this.bits >= mostBits) return false
    // How many would have come in the whole window, had it gone on like this.
    const share = Math.max(Number(time - this.#since) / Number(window), leastShare)
    const rate = this.#count / share
    this.bits = Math.min(mostBits, this.bits + Math.max(1, Math.ceil(Math.log2(rate / this.#most))))
    this.#since = time
    this.#count = 0
    return true
  }
}
