import type { Socket } from 'node:net'
import type { Log } from '../../base/log.ts'
import { type Asker, askerAt } from '../handlers/handler.ts'
import { framed, frameInto, Frames } from '../wire/frames.ts'
import type { Serve } from './serve.ts'

/** Questions of one connection under way at once; at this many it is not read from until one is answered. */
const mostUnderWay = 100
/** Bytes of answers that a client has not fetched; past this it is not read from until it has. (Not below what a socket calls full: `drain` follows.) */
const mostUnsent = 1 << 16
const longestAnswer = 2 + 0xffff
const headerLength = 12
/** Answers that are there at once go together: each by itself would take a multiple of its bytes while it waits. */
const gathered = Buffer.allocUnsafeSlow(mostUnsent + longestAnswer)

export interface ConnectionOptions {
  readonly serve: Serve
  readonly log: Log
  /** How long the client may say nothing, how long it may take for one message, and how long to fetch its answers. */
  readonly idleMilliseconds: number
}

/** One client's connection: its messages are answered as they are ready, in any order (RFC 7766 section 6.2.1.1). */
export class Connection {
  /** The client's address. */
  readonly client: string
  onMessage: (() => void) | undefined
  onClose: (() => void) | undefined
  readonly #socket: Socket
  readonly #serve: Serve
  readonly #asker: Asker
  readonly #timer: NodeJS.Timeout
  #frames = new Frames()
  #underWay = 0
  /** Whatever comes now is thrown away. */
  #deaf = false
  /** No more will be answered than what is under way. */
  #ending = false
  /** This connection's bytes in `gathered`, while it works. */
  #held = 0
  #working = false
  #due = false

  /** `socket` is half-open on purpose: a client that has said everything still waits for its answers. */
  constructor(socket: Socket, { serve, log, idleMilliseconds }: ConnectionOptions) {
    this.#socket = socket
    this.#serve = serve
    this.client = socket.remoteAddress ?? '::'
    this.#asker = askerAt('tcp', this.client)
    // Not the socket's own timeout, which every byte would renew.
    this.#timer = setTimeout(() => this.#tooLong(), idleMilliseconds)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('drain', () => {
      this.#timer.refresh()
      this.#workSoon()
    })
    socket.on('end', () => {
      this.#ending = true
      this.#work()
    })
    socket.on('close', () => {
      clearTimeout(this.#timer)
      this.onClose?.()
    })
    // Resets are the client's way to say that it has heard enough.
    socket.on('error', (error) => log.debug({ client: this.client, error: error.message }, 'connection failed'))
  }

  /** Questions are under way. */
  get busy(): boolean {
    return this.#underWay > 0
  }

  /** Lets the answers under way out, and ends. */
  retire(): void {
    if (!this.busy && this.#socket.writableLength === 0) return this.destroy()
    this.#stopListening()
    this.#work()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#deaf) return
    if (this.#frames.empty) this.#timer.refresh()
    this.#frames.push(chunk)
    this.#work()
  }

  /** Asks what has come whole, as far as the limits allow. */
  #work(): void {
    // An answer that is ready at once comes back here from inside.
    if (this.#working || this.#socket.destroyed) return
    this.#working = true
    let message: Buffer | undefined
    while (!this.#full && (message = this.#frames.next())) this.#ask(message)
    if (this.#held > 0) this.#socket.write(Buffer.from(gathered.subarray(0, this.#held)))
    this.#held = 0
    this.#working = false
    if (this.#full) this.#socket.pause()
    else if (message) this.#workSoon()
    else {
      this.#socket.resume()
      if (this.#ending && !this.busy) this.#socket.end()
    }
  }

  /** Others have their turn before. */
  #workSoon(): void {
    if (this.#due) return
    this.#due = true
    this.#socket.pause()
    setImmediate(() => {
      this.#due = false
      this.#work()
    })
  }

  get #full(): boolean {
    return this.#underWay >= mostUnderWay || this.#socket.writableLength + this.#held > mostUnsent
  }

  #ask(message: Buffer): void {
    // Whoever sends this does not speak DNS, and has no id that an answer could go back to.
    if (message.length < headerLength) return this.#stopListening()
    this.#timer.refresh()
    this.onMessage?.()
    this.#underWay++
    this.#serve(message, this.#asker, (reply) => {
      this.#underWay--
      if (this.#socket.destroyed) return
      this.#timer.refresh()
      if (reply && this.#working) this.#held = frameInto(gathered, this.#held, reply)
      else if (reply) this.#socket.write(framed(reply))
      this.#work()
    })
  }

  #stopListening(): void {
    this.#deaf = true
    this.#ending = true
    this.#frames = new Frames()
  }

  /** While answers are under way it is not the client who is slow. */
  #tooLong(): void {
    if (this.busy) this.#timer.refresh()
    else this.destroy()
  }
}
