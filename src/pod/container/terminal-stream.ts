import { readSync, writeSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { whenReadable } from '../../kernel/reactor.ts'
import type { Terminal } from '../../kernel/terminal.ts'

const chunkSize = 16 * 1024
const retryMs = 20

/** What is written to the terminal's other end. Ends when nobody has that any more; the terminal is closed then, or with this stream. */
export class TerminalOutput extends Readable {
  readonly #terminal: Terminal
  readonly #buffer = Buffer.alloc(chunkSize)
  #stop: (() => void) | undefined
  bytesRead = 0

  constructor(terminal: Terminal) {
    super({ highWaterMark: chunkSize })
    this.#terminal = terminal
  }

  override _read(): void {
    this.#stop ??= whenReadable(this.#terminal.fd, () => this.#ready())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#rest()
    this.#terminal.close()
    done(error)
  }

  #ready(): void {
    let count = 0
    try {
      count = readSync(this.#terminal.fd, this.#buffer)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') return
      // A master gives EIO, not an end, once the last process has closed the other side.
      if (code !== 'EIO') return void this.destroy(error as Error)
    }
    this.bytesRead += count
    if (count === 0) {
      this.#rest()
      this.push(null)
    } else if (!this.push(Buffer.from(this.#buffer.subarray(0, count)))) this.#rest()
  }

  #rest(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}

/** What people type. Once the terminal is closed it goes nowhere. */
export function terminalInput(terminal: Terminal): Writable {
  let retry: NodeJS.Timeout | undefined
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      put(chunk, done)
    },
    destroy(error, done) {
      clearTimeout(retry)
      done(error)
    },
  })
  function put(chunk: Buffer, done: () => void): void {
    let written = 0
    try {
      if (terminal.open) written = writeSync(terminal.fd, chunk)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN' && code !== 'EIO') throw error
      if (code === 'EIO') return done()
    }
    if (!terminal.open || written === chunk.length) return done()
    // The process does not read now. Nothing tells when it did.
    retry = setTimeout(() => put(chunk.subarray(written), done), retryMs)
  }
}
