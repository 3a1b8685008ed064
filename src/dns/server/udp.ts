import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/errors.ts'
import { askerAt } from '../handlers/handler.ts'
import type { Serve } from './serve.ts'

export interface UdpServer {
  port: number
  close(): Promise<void>
}

/** Rejects with the system's error when the address is taken or not this machine's. `fd`: a bound socket, instead. */
export async function serveUdp(
  at: { address: string; port: number } | { fd: number },
  serve: Serve,
  log: Log,
): Promise<UdpServer> {
  const six = 'address' in at ? isIPv6(at.address) : false
  const socket = createSocket({ type: six ? 'udp6' : 'udp4', recvBufferSize: 1 << 21 })
  socket.on('message', (bytes, from) => {
    const asker = askerAt('udp', from.address)
    serve(bytes, asker, (reply) => reply && send(socket, reply, from, log))
  })
  const listening = once(socket, 'listening')
  if ('fd' in at) socket.bind({ fd: at.fd })
  else socket.bind({ address: at.address, port: at.port, exclusive: true })
  await listening
  socket.on('error', (error) => log.warn({ error: error.message }, 'udp socket failed'))
  return {
    port: socket.address().port,
    async close() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

/** A client that is gone or cannot be reached is its own concern; the server goes on. */
function send(socket: Socket, reply: Buffer, { port, address }: RemoteInfo, log: Log): void {
  try {
    // Without a callback, which would only say that a client is gone.
    socket.send(reply, port, address)
  } catch (error) {
    // Port 0 as a source, or a socket that was closed while an upstream was being asked.
    log.debug({ to: address, error: messageOf(error) }, 'answer not sent')
  }
}
