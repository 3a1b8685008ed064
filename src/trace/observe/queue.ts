/** What is pushed comes out in order; `end` lets the reader finish what is there, `fail` ends it with an error. */
export class Queue<T> implements AsyncIterable<T> {
  #items: T[] = []
  #wake: (() => void) | undefined
  #ended = false
  #error: unknown

  push(item: T): void {
    if (this.#ended) return
    this.#items.push(item)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  fail(error: unknown): void {
    this.#error ??= error
    this.end()
  }

  /** For what the event loop calls: what is thrown there would end the process, and so ends the queue. */
  attempt<Result>(work: () => Result): Result | undefined {
    try {
      return work()
    } catch (error) {
      this.fail(error)
      return undefined
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const items = this.#items
      this.#items = []
      yield* items
      if (this.#items.length > 0) continue
      if (this.#error !== undefined) throw this.#error
      if (this.#ended) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
      this.#wake = undefined
    }
  }
}
