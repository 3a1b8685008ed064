import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { address } from '../../base/address.ts'
import type { UpstreamConfig } from '../config/config.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { framed, Frames } from '../wire/frames.ts'
import type { Message } from '../wire/message.ts'

export interface StreamServer {
  readonly to: UpstreamConfig
  /** How many connections there have been. */
  connections: number
  /** Those that are open. */
  readonly open: ReadonlySet<Socket>
}

export type OnQuery = (query: Message, send: (reply: Message) => void, connection: Socket) => void

/** A name server over TCP, or with `tls` over TLS, that answers what and when a test wants, until the test ends. */
export async function streamServer(t: TestContext, onQuery: OnQuery, tls?: TlsOptions): Promise<StreamServer> {
  const open = new Set<Socket>()
  const made = { connections: 0, open }
  const serve = (socket: Socket): void => {
    made.connections++
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => {})
    const send = (reply: Message): void => {
      const bytes = framed(encodeMessage(reply))
      // In two pieces: a message does not come in one.
      socket.write(bytes.subarray(0, 5))
      socket.write(bytes.subarray(5))
    }
    const frames = new Frames()
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk)
      for (let bytes = frames.next(); bytes; bytes = frames.next()) {
        const query = decodeMessage(bytes)
        if (query) onQuery(query, send, socket)
      }
    })
  }
  const server: Server = tls ? createTlsServer(tls, serve) : createServer(serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(made, { to: { address: address('127.0.0.1'), port } })
}
