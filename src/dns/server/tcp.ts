import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Log } from '../../base/log.ts'
import { defaults } from '../config/config.ts'
import { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import type { Serve } from './serve.ts'

export interface TcpServer {
  port: number
  /** Takes no more questions, lets the answers under way out, and ends what is left after so many milliseconds. */
  close(within?: number): Promise<void>
}

/**
 * Messages with a length before them, several on one connection, answered as they are ready (RFC 7766). `connections` are those of all servers that
 * share their limits. Rejects with the system's error when the address is taken or not this machine's. `fd`: a bound socket, instead. `reusePort`: shared
 * with other processes.
 */
export async function serveTcp(
  at: { address: string; port: number; reusePort?: boolean } | { fd: number },
  serve: Serve,
  log: Log,
  connections: Connections = new Connections(defaults.limits),
): Promise<TcpServer> {
  const open = new Set<Connection>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const idleMilliseconds = connections.limits.tcpIdle * 1000
    const connection = new Connection(socket, { serve, log, idleMilliseconds })
    open.add(connection)
    socket.on('close', () => open.delete(connection))
    if (!connections.add(connection)) log.debug({ client: connection.client }, 'connection refused: too many')
  })
  const listening = once(server, 'listening')
  if ('fd' in at) server.listen({ fd: at.fd })
  // As over UDP: an address of IPv6, any of them too, is for IPv6 alone.
  else {
    const { address: host, port, reusePort = false } = at
    server.listen({ host, port, exclusive: true, reusePort, ipv6Only: true })
  }
  await listening
  server.on('error', (error) => log.warn({ error: error.message }, 'tcp listener failed'))
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    async close(within = defaults.lameDuck * 1000) {
      const closed = once(server, 'close')
      server.close()
      for (const connection of open) connection.retire()
      const last = setTimeout(() => {
        for (const connection of open) connection.destroy()
      }, within)
      await closed
      clearTimeout(last)
    },
  }
}
