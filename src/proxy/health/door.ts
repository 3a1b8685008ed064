import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Where connections of any listening socket become HTTP requests. */
export interface Door {
  take(socket: Socket): void
  /** Ends all connections. */
  close(): void
}

export interface DoorOptions {
  /** Connections at once. The oldest one makes room for a new one: who has been here long is slow, and who asks for our health must get through. */
  readonly most: number
  /** What a connection has for everything, in milliseconds. */
  readonly patience: number
}

/** HTTP for strangers: one request for each connection, in bounded time and number. */
export function openDoor(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  { most, patience }: DoorOptions,
): Door {
  const open = new Set<Socket>()
  // It listens nowhere itself, so its own time limits, which are looked at every 30 s only, are off.
  const http = createServer({ maxHeaderSize: 8 * 1024 }, (request, response) => {
    // Also when more requests have been sent behind this one: Node would wait for their end.
    response.once('finish', () => request.socket.destroySoon())
    answer(request, response)
  })
  http.maxRequestsPerSocket = 1
  http.on('clientError', (_, socket) => socket.destroy())
  return {
    take(socket) {
      const [oldest] = open
      if (oldest && open.size >= most) {
        open.delete(oldest)
        oldest.destroy()
      }
      begin(socket)
    },
    close() {
      for (const socket of open) socket.destroy()
    },
  }

  function begin(socket: Socket): void {
    open.add(socket)
    const enough = setTimeout(() => socket.destroy(), patience).unref()
    socket.once('close', () => {
      clearTimeout(enough)
      open.delete(socket)
    })
    http.emit('connection', socket)
  }
}
