import { randomInt } from 'node:crypto'
import { connect, isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import type { UpstreamConfig } from '../config/config.ts'
import { framed, Frames } from '../wire/frames.ts'
import type { UpstreamCounts } from './counts.ts'
import { lost, noAnswer, timedOut } from './failure.ts'
import { type Reply, readReply } from './reply.ts'

/** How long a connection without questions is kept. */
const idleMilliseconds = 10_000

/**
 * Questions to one upstream over TCP or TLS: one connection, kept open and pipelined, answers in any order (RFC 7766 section
 * 6.2.1). One that the upstream ends takes the questions which wait on it to a new one, once.
 */
export class Stream {
  readonly #to: UpstreamConfig
  readonly #name: string
  readonly #counts: Pick<UpstreamCounts, 'connectionHits' | 'connectionMisses'>
  #connection: Connection | undefined

  /** `name`: for people. */
  constructor(to: UpstreamConfig, name: string, counts: Pick<UpstreamCounts, 'connectionHits' | 'connectionMisses'>) {
    this.#to = to
    this.#counts = counts
    this.#name = name
  }

  /**
   * Rejects on time-out, when no connection can be had, and on bytes that are no answer. `background`: the process may end
   * meanwhile.
   */
  ask(question: Buffer, milliseconds: number, background = false): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const waiting: Waiting = { question, resolve, reject, since: 0, again: true, background }
    const timer = setTimeout(() => {
      waiting.connection?.giveUp(waiting)
      reject(timedOut(this.#name))
    }, milliseconds)
    if (background) timer.unref()
    this.#send(waiting)
    return promise.finally(() => clearTimeout(timer))
  }

  close(): void {
    this.#connection?.retire()
    this.#connection = undefined
  }

  #send(waiting: Waiting): void {
    if (this.#connection?.usable) this.#counts.connectionHits.add()
    else {
      this.#counts.connectionMisses.add()
      this.#connection = new Connection(open(this.#to), this.#name, (left, error) => {
        // An upstream may end a connection at any time, also while a question is on its way (RFC 7766 section 6.2.4).
        const retry = left.filter(({ again }) => again)
        for (const one of left) if (!one.again) one.reject(error)
        for (const one of retry) {
          one.again = false
          this.#send(one)
        }
      })
    }
    this.#connection.send(waiting)
  }
}

interface Waiting {
  readonly question: Buffer
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly background: boolean
  /** How much the connection had received when the question was sent. */
  since: number
  /** May be sent on another connection. */
  again: boolean
  connection?: Connection
}

type Ended = (left: readonly Waiting[], error: Error) => void

class Connection {
  readonly #socket: Socket
  readonly #name: string
  readonly #ended: Ended
  readonly #waiting = new Map<number, Waiting>()
  readonly #frames = new Frames()
  #received = 0
  #opened = false
  usable = true

  constructor(socket: Socket, name: string, ended: Ended) {
    this.#socket = socket
    this.#name = name
    this.#ended = ended
    let cause: unknown = new Error('the connection was closed')
    socket.setNoDelay(true)
    socket.unref()
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => (this.#opened = true))
    socket.on('error', (error) => (cause = error))
    socket.on('timeout', () => this.#waiting.size === 0 && this.#drop())
    socket.on('end', () => (this.usable = false))
    socket.on('close', () => {
      this.usable = false
      const left = [...this.#waiting.values()]
      this.#waiting.clear()
      // One that could not be opened will not be opened the next moment either.
      if (!this.#opened) for (const one of left) one.again = false
      this.#ended(left, lost(this.#name, cause))
    })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.setTimeout(idleMilliseconds)
  }

  send(waiting: Waiting): void {
    const { question } = waiting
    let id = question.readUInt16BE(0)
    while (this.#waiting.has(id)) id = randomInt(0x10000)
    question.writeUInt16BE(id, 0)
    waiting.since = this.#received
    waiting.connection = this
    this.#waiting.set(id, waiting)
    if (!waiting.background) this.#socket.ref()
    this.#socket.write(framed(question))
    // Ids have to be found free with few tries.
    if (this.#waiting.size >= 0x4000) this.usable = false
  }

  /** Nothing at all came since that question: the connection is dead without having said so, and no other one is put on it. */
  giveUp(waiting: Waiting): void {
    this.#waiting.delete(waiting.question.readUInt16BE(0))
    if (this.#received === waiting.since) this.usable = false
    this.#rest()
  }

  /** Ends when nothing waits any more. */
  retire(): void {
    this.usable = false
    this.#rest()
  }

  #rest(): void {
    if (this.#waiting.size > 0) return
    if (this.usable) this.#socket.unref()
    else this.#drop()
  }

  #drop(): void {
    this.usable = false
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.length
    this.#frames.push(chunk)
    for (let message = this.#frames.next(); message; message = this.#frames.next()) if (!this.#answer(message)) return
    this.#rest()
  }

  /** False when what came is no message: nothing behind it can be trusted either. */
  #answer(bytes: Buffer): boolean {
    const id = bytes.length >= 12 ? bytes.readUInt16BE(0) : -1
    const waiting = this.#waiting.get(id)
    // Too late: whoever asked has given up.
    if (id >= 0 && !waiting) return true
    const reply = waiting && readReply(bytes, waiting.question)
    if (waiting && reply) {
      this.#waiting.delete(id)
      waiting.resolve(reply)
      return true
    }
    for (const one of this.#waiting.values()) one.reject(noAnswer(this.#name))
    this.#waiting.clear()
    this.#drop()
    return false
  }
}

function open({ address, port, tls }: UpstreamConfig): Socket {
  if (!tls) return connect(port, address)
  const { serverName } = tls
  return connectTls({
    host: address,
    port,
    // An address cannot be a server name in the handshake (RFC 6066 section 3); the certificate may name it all the same.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
  })
}
