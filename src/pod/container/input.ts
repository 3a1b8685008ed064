import { constants, openSync, statSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { Process } from '../../kernel/process.ts'
import { closeInput } from './program.ts'

/** How a container's standard input is (fields `stdin` and `stdinOnce` of its spec). */
export interface InputWish {
  stdin: boolean
  once: boolean
}

/** The standard input of a container that has no terminal: a pipe that its shim holds open, whoever comes and goes. */
export class PipeInput {
  readonly #wish: InputWish
  readonly #pipe: string
  readonly #mark: string
  readonly #shim: () => Process | undefined
  #writer: Socket | undefined
  #clients = 0

  /** `pipe` and `mark` are files of this instance; the second is there once a client has been given an input that is for one client only. */
  constructor(wish: InputWish, pipe: string, mark: string, shim: () => Process | undefined) {
    this.#wish = wish
    this.#pipe = pipe
    this.#mark = mark
    this.#shim = shim
  }

  /** After an agent died: the client that it had is gone too. */
  adopted(): void {
    if (this.used) this.#shim()?.signal(closeInput)
  }

  /** Its first client's end is its own. */
  get once(): boolean {
    return this.#wish.once
  }

  get used(): boolean {
    return this.#wish.once && statSync(this.#mark, { throwIfNoEntry: false }) !== undefined
  }

  /** For one client; undefined when the container takes no input (any more). Its end ends the container's input when that is for one client. */
  open(): Writable | undefined {
    if (!this.#wish.stdin || this.used) return undefined
    const writer = (this.#writer ??= this.#connect())
    if (!writer) return undefined
    if (this.#wish.once) writeFileSync(this.#mark, '', { mode: 0o600 })
    this.#clients++
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // Who does not read is waited for; who has closed its input is not.
        if (writer.destroyed) done()
        else writer.write(chunk, () => done())
      },
      destroy: (error, done) => {
        this.#leave()
        done(error)
      },
    })
  }

  close(): void {
    this.#writer?.destroy()
    this.#writer = undefined
  }

  #leave(): void {
    if (--this.#clients > 0) return
    const once = this.#wish.once
    this.#writer?.end(() => {
      if (once) this.#shim()?.signal(closeInput)
    })
    this.#writer = undefined
  }

  /** ENXIO: the container has closed its end. */
  #connect(): Socket | undefined {
    let fd: number
    try {
      fd = openSync(this.#pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENXIO') return undefined
      throw error
    }
    const socket = new Socket({ fd, readable: false, writable: true })
    socket.on('error', () => socket.destroy())
    return socket
  }
}
