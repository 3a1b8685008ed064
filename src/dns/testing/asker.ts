import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { queryOf, read, summary } from './ask.ts'

export interface Asking {
  /** As {@link summary} notes the answer; rejects when nobody is there. */
  summary(name: string, type?: Parameters<typeof queryOf>[1]): Promise<string>
  close(): void
}

/** Asks a server on this machine over UDP, one question after the other from one port. */
export async function asker(port: number): Promise<Asking> {
  const socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let id = 0
  return {
    async summary(name, type = 'A') {
      id = (id + 1) & 0xffff
      const answered = once(socket, 'message') as Promise<[Buffer]>
      socket.send(queryOf(name, type, { id }))
      const [reply] = await answered
      const message = read(reply)
      if (message.id !== id) throw new Error('another question was answered')
      return summary(message)
    },
    close: () => void socket.close(),
  }
}
