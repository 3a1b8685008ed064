import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Log } from '../../base/log.ts'
import { askerAt } from '../handlers/handler.ts'
import type { Serve } from './serve.ts'

/** How long a connection may be quiet (RFC 7766 section 6.2.3 leaves it to the server). */
const idleMilliseconds = 10_000
const mostConnections = 1000
/** Answers that a client does not fetch: past this it is not read from until it has. */
const mostUnsent = 1 << 18

export interface TcpServer {
  port: number
  close(): Promise<void>
}

/** Messages with a length before them, several on one connection, answered as they are ready (RFC 7766). */
export async function serveTcp(
  at: { address: string; port: number } | { fd: number },
  serve: Serve,
  log: Log,
): Promise<TcpServer> {
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    // Resets are the client's way to say that it has heard enough.
    socket.on('error', (error) => log.debug({ error: error.message }, 'connection failed'))
    serveConnection(socket, serve)
  })
  server.maxConnections = mostConnections
  const listening = once(server, 'listening')
  if ('fd' in at) server.listen({ fd: at.fd })
  else server.listen({ host: at.address, port: at.port, exclusive: true })
  await listening
  server.on('error', (error) => log.warn({ error: error.message }, 'tcp listener failed'))
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

function serveConnection(socket: Socket, serve: Serve): void {
  const asker = askerAt('tcp', socket.remoteAddress ?? '::')
  let have: Buffer = Buffer.alloc(0)
  let waiting = 0
  let ended = false
  const finish = (): void => {
    if (ended && waiting === 0) socket.end()
  }
  const answer = (reply: Buffer | undefined): void => {
    waiting--
    if (socket.destroyed) return
    if (!reply) return finish()
    const framed = Buffer.allocUnsafe(2 + reply.length)
    framed.writeUInt16BE(reply.length, 0)
    reply.copy(framed, 2)
    socket.write(framed)
    if (socket.writableLength > mostUnsent) socket.pause()
    finish()
  }
  socket.setTimeout(idleMilliseconds, () => socket.destroy())
  socket.on('drain', () => socket.resume())
  socket.on('data', (chunk: Buffer) => {
    have = have.length === 0 ? chunk : Buffer.concat([have, chunk])
    let at = 0
    for (; have.length - at >= 2 && have.length - at - 2 >= have.readUInt16BE(at); ) {
      const length = have.readUInt16BE(at)
      waiting++
      serve(have.subarray(at + 2, at + 2 + length), asker, answer)
      at += 2 + length
    }
    have = have.subarray(at)
  })
  socket.on('end', () => {
    ended = true
    finish()
  })
}
