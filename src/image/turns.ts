/** Lets so many run at once; the others wait, first come, first served. */
export class Turns {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** @throws the signal's reason, when that comes before the turn */
  async take<T>(body: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#wait(signal)
    try {
      return await body()
    } finally {
      const [next] = this.#waiting
      if (next) next()
      else this.#free++
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(go)
        reject(signal?.reason as Error)
      }
      const go = (): void => {
        this.#waiting.delete(go)
        signal?.removeEventListener('abort', stop)
        resolve()
      }
      this.#waiting.add(go)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }
}
