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

/** Once around the event loop: sockets are read between one setImmediate and the next. */
async function turn(): Promise<void> {
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}
