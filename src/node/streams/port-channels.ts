import { type RawData, WebSocket } from 'ws'
import { messageOf } from '../../base/errors.ts'
import type { Connect } from './port-forward.ts'

/** Port forwarding as browsers and JavaScript clients ask for it: two channels per port, data and errors. */
export const portChannelsProtocol = 'v4.channel.k8s.io'
const mostUnsent = 1024 * 1024

/**
 * One connection to each of `ports` over one WebSocket. The first byte of a message is its channel: 2n carries the data of port n, 2n + 1 its
 * errors; the first message of each is the port's number, little-endian (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go).
 */
export async function servePortChannels(ws: WebSocket, ports: readonly number[], connect: Connect): Promise<void> {
  const send = (to: number, body: Buffer, done: () => void = () => undefined): void => {
    if (ws.readyState === WebSocket.OPEN) ws.send(Buffer.concat([Buffer.of(to), body]), () => done())
    else done()
  }
  ws.pause()
  const sockets = await Promise.all(
    ports.map(async (port, index) => {
      const number = Buffer.of(port & 0xff, port >> 8)
      send(index * 2, number)
      send(index * 2 + 1, number)
      try {
        return await connect(port)
      } catch (error) {
        send(index * 2 + 1, Buffer.from(`error forwarding port ${port}: ${messageOf(error)}`))
        return undefined
      }
    }),
  )
  let open = sockets.filter((socket) => socket !== undefined).length
  const over = (): void => {
    if (open === 0) ws.close(1000)
  }
  for (const [index, socket] of sockets.entries()) {
    socket?.on('data', (chunk: Buffer) => {
      if (ws.bufferedAmount > mostUnsent) socket.pause()
      send(index * 2, chunk, () => socket.resume())
    })
    socket?.once('error', (error) => send(index * 2 + 1, Buffer.from(error.message)))
    socket?.once('close', () => {
      open--
      over()
    })
  }
  ws.on('message', (data: RawData) => {
    const message = data as Buffer
    const socket = (message[0] ?? 1) % 2 === 0 ? sockets[(message[0] ?? 0) / 2] : undefined
    if (!socket || socket.destroyed || socket.write(message.subarray(1))) return
    ws.pause()
    const on = (): void => ws.resume()
    socket.once('drain', on)
    socket.once('close', on)
  })
  ws.once('close', () => {
    for (const socket of sockets) socket?.destroy()
  })
  if (ws.readyState !== WebSocket.OPEN) for (const socket of sockets) socket?.destroy()
  ws.resume()
  over()
}
