import type { Duplex } from 'node:stream'
import { messageOf } from '../../base/errors.ts'
import { serveSpdy } from '../spdy/connection.ts'
import type { SpdyStream } from '../spdy/stream.ts'

export const portForwardProtocol = 'portforward.k8s.io'
/** A client that opened one stream of a pair opens the other at once. */
const patienceMs = 30_000

/** Connects to a port inside the pod, on its loopback. Rejects with words for the person who forwards. */
export type Connect = (port: number) => Promise<Duplex>

interface Pair {
  port: number
  data?: SpdyStream
  error?: SpdyStream
  timer: NodeJS.Timeout
}

/**
 * kubectl port-forward: for each connection that the client takes, it opens two streams with one `requestid`, and says the port
 * (k8s.io/kubelet/pkg/cri/streaming/portforward). What goes wrong with one connection is said on its error stream; the others go on.
 */
export function servePortForward(transport: Duplex, connect: Connect): void {
  const pairs = new Map<string, Pair>()
  serveSpdy(transport, {
    onStream(stream) {
      const port = portIn(stream.headers.get('port'))
      const kind = stream.headers.get('streamtype')
      if (kind !== 'data' && kind !== 'error') throw new TypeError('streamType must be data or error')
      // Clients older than request ids open the error stream first, and the data stream next.
      const id = stream.headers.get('requestid') || String(kind === 'error' ? stream.id : stream.id - 2)
      const pair = pairs.get(id) ?? begin(id, port)
      if (pair[kind]) throw new TypeError(`there are two ${kind} streams of one request`)
      pair[kind] = stream
      if (!pair.data || !pair.error) return
      pairs.delete(id)
      clearTimeout(pair.timer)
      void forward(pair.port, pair.data, pair.error, connect)
    },
    onClose() {
      for (const { timer } of pairs.values()) clearTimeout(timer)
    },
  })

  function begin(id: string, port: number): Pair {
    const timer = setTimeout(() => {
      pairs.delete(id)
      pair.error?.end('timed out waiting for the data stream')
      pair.data?.destroy()
    }, patienceMs)
    const pair: Pair = { port, timer }
    pairs.set(id, pair)
    return pair
  }
}

async function forward(port: number, data: SpdyStream, error: SpdyStream, connect: Connect): Promise<void> {
  error.resume()
  let socket: Duplex
  try {
    socket = await connect(port)
  } catch (cause) {
    error.end(`error forwarding port ${port}: ${messageOf(cause)}`)
    data.end()
    data.resume()
    return
  }
  if (data.destroyed) return void socket.destroy()
  // Each direction ends by itself.
  data.pipe(socket)
  socket.pipe(data)
  socket.once('error', (cause) => {
    error.end(`error forwarding port ${port}: the connection in the pod broke: ${cause.message}`)
    data.destroy()
  })
  socket.once('close', () => {
    if (!error.writableEnded) error.end()
    data.end()
  })
  data.once('close', () => socket.destroy())
}

export function portIn(text: string | undefined): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) throw new TypeError(`${JSON.stringify(text)} is no port`)
  return port
}
