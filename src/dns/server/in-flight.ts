/** Questions that wait for an answer. */
export class InFlight {
  #count = 0
  #seen = 0
  #idle: (() => void) | undefined

  get count(): number {
    return this.#count
  }

  begin(): void {
    this.#count++
    this.#seen++
  }

  end(): void {
    this.#count--
    if (this.#count === 0) this.#idle?.()
  }

  /**
   * Fulfilled when nothing waits and a look at the sockets has brought nothing new: what had come before a server is told to end is answered then.
   * After `milliseconds` at the latest, for an upstream may never answer.
   */
  async settled(milliseconds: number): Promise<void> {
    const late = Promise.withResolvers<true>()
    const timer = setTimeout(() => late.resolve(true), milliseconds)
    try {
      for (;;) {
        if (this.#count > 0) {
          const idle = new Promise<false>((resolve) => {
            this.#idle = () => resolve(false)
          })
          if (await Promise.race([idle, late.promise])) return
        }
        const seen = this.#seen
        const turned = turn().then(() => false as const)
        if (await Promise.race([turned, late.promise])) return
        if (this.#count === 0 && this.#seen === seen) return
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Around the event loop until every socket has been looked at: a readable one is noticed in one turn and read in the next. */
async function turn(): Promise<void> {
  for (let at = 0; at < 3; at++) await new Promise(setImmediate)
}
