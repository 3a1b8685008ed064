import type { LogWriter } from './writer.ts'

/** Remembers that something was written, so that no write between two looks is missed. */
export class Changes {
  readonly #writer: LogWriter
  readonly #stop: () => void
  #seen = false
  #wake: (() => void) | undefined
  readonly #signal: AbortSignal

  constructor(writer: LogWriter, signal: AbortSignal) {
    this.#writer = writer
    this.#signal = signal
    this.#stop = writer.onWrite(this.#note)
    signal.addEventListener('abort', this.#note)
  }

  get over(): boolean {
    return this.#writer.over || this.#signal.aborted
  }

  take(): void {
    this.#seen = false
  }

  next(): Promise<void> {
    if (this.#seen || this.over) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  close(): void {
    this.#stop()
    this.#signal.removeEventListener('abort', this.#note)
  }

  readonly #note = (): void => {
    this.#seen = true
    this.#wake?.()
  }
}
