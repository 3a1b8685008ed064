import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { address } from '../../base/address.ts'
import type { UpstreamConfig } from '../config/config.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
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
      const bytes = encodeMessage(reply)
      const framed = Buffer.alloc(2 + bytes.length)
      framed.writeUInt16BE(bytes.length)
      framed.set(bytes, 2)
      // In two pieces: a message does not come in one.
      socket.write(framed.subarray(0, 5))
      socket.write(framed.subarray(5))
    }
    let have: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      have = Buffer.concat([have, chunk])
      while (have.length >= 2 && have.length >= 2 + have.readUInt16BE(0)) {
        const end = 2 + have.readUInt16BE(0)
        const query = decodeMessage(have.subarray(2, end))
        if (query) onQuery(query, send, socket)
        have = have.subarray(end)
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
