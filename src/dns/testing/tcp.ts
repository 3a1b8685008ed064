import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { defaults } from '../config/config.ts'
import { Connections, type TcpLimits } from '../server/connections.ts'
import type { Serve } from '../server/serve.ts'
import { serveTcp, type TcpServer } from '../server/tcp.ts'
import { framed, Frames } from '../wire/frames.ts'

/** A server of TCP with these limits, until the test ends. */
export async function started(
  t: TestContext,
  serve: Serve,
  limits: Partial<TcpLimits> = {},
): Promise<{ server: TcpServer; port: number; connections: Connections }> {
  const connections = new Connections({ ...defaults.limits, ...limits })
  const server = await serveTcp({ address: '127.0.0.1', port: 0 }, serve, pino({ level: 'silent' }), connections)
  t.after(() => server.close(0))
  return { server, port: server.port, connections }
}

/** Says what it is asked. */
export const echo: Serve = (bytes, _, answer) => answer(bytes)

/** Answers only when it is told to. */
export class Held {
  readonly asked: number[] = []
  readonly #answers = new Map<number, () => void>()
  #waiting: { count: number; resolve: () => void } | undefined

  readonly serve: Serve = (bytes, _, answer) => {
    const id = bytes.readUInt16BE(0)
    this.asked.push(id)
    this.#answers.set(id, () => answer(bytes))
    if (this.asked.length === this.#waiting?.count) this.#waiting.resolve()
  }

  async came(count: number): Promise<void> {
    if (this.asked.length >= count) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting = { count, resolve }
    await promise
  }

  answer(id: number): void {
    this.#answers.get(id)?.()
  }
}

/** Reads when it is told to. */
export class Client {
  readonly socket: Socket
  readonly #frames = new Frames()
  readonly #chunks: AsyncIterator<Buffer>

  private constructor(socket: Socket) {
    this.socket = socket
    this.#chunks = socket.iterator({ destroyOnReturn: false })
    // A reset is one way to be ended.
    socket.on('error', () => {})
  }

  static async to(t: TestContext, port: number, localAddress = '127.0.0.1'): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: false })
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return new Client(socket)
  }

  ask(...ids: number[]): void {
    this.socket.write(Buffer.concat(ids.map((id) => framed(question(id)))))
  }

  /** The id of the next answer; undefined at the connection's end. */
  async next(): Promise<number | undefined> {
    return (await this.nextBytes())?.readUInt16BE(0)
  }

  async nextBytes(): Promise<Buffer | undefined> {
    for (;;) {
      const message = this.#frames.next()
      if (message) return message
      const chunk = await this.#chunks.next().catch(() => ({ done: true, value: undefined }))
      if (chunk.done === true || !chunk.value) return undefined
      this.#frames.push(chunk.value)
    }
  }
}

/** A header is enough for a server that does not look into it. */
export function question(id: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(id, 0)
  return bytes
}
