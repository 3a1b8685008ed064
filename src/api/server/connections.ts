import type { Server } from 'node:https'
import type { Socket } from 'node:net'

/** More than an agent with a full node ever has: each of its watches is one. */
const perAddress = 1000
/** How long a client may take to show who it is, and what it asks for. */
export const patience = { handshakeTimeout: 10_000, headersTimeout: 20_000 }

/**
 * Bounds how many connections one address may hold, before any of them has shown a certificate: a pod that opens them without end would
 * otherwise take all descriptors of this process, and with them the API, from everybody.
 */
export function limitConnections(server: Server, limit: number = perAddress): void {
  const held = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const from = socket.remoteAddress ?? ''
    const count = (held.get(from) ?? 0) + 1
    if (count > limit) {
      socket.destroy()
      return
    }
    held.set(from, count)
    socket.once('close', () => {
      const left = (held.get(from) ?? 1) - 1
      if (left === 0) held.delete(from)
      else held.set(from, left)
    })
  })
}
