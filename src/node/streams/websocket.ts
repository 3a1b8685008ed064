import type { IncomingMessage } from 'node:http'
import { Duplex, Readable, Writable } from 'node:stream'
import { createWebSocketStream, type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Remote, Wanted } from './remote.ts'
import { Sizes } from './sizes.ts'

// The channel protocol of kubectl exec (KEP-4006): the first byte of each binary message is the channel. Only version 5 can end an input.
const channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const
export const commandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const
const maxMessage = 1024 * 1024
/** So much input waits for a process that does not read. */
const inputHighWater = 256 * 1024

/**
 * Answers an upgrade request in one of `protocols`, the first that the client offers too; without such a one the client gets none, and
 * should not go on.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
): Promise<WebSocket> {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim())
  const chosen = protocols.find((one) => offered.includes(one))
  // `ws` refuses names with a slash, which KEP-4006 gave to one.
  delete request.headers['sec-websocket-protocol']
  const server = new WebSocketServer({ noServer: true, maxPayload: maxMessage })
  if (chosen !== undefined) server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${chosen}`))
  return new Promise((resolve) => {
    server.handleUpgrade(request, socket, head, (ws) => {
      ws.on('error', () => ws.terminate())
      // What the client sent at once has no listener yet: who takes the messages resumes.
      ws.pause()
      resolve(ws)
    })
  })
}

/** Bytes in messages: what SPDY travels on. */
export function tunnelOf(ws: WebSocket): Duplex {
  return createWebSocketStream(ws)
}

/** The client of an exec or attach. Nothing it sends is lost before somebody listens. */
export function webSocketRemote(ws: WebSocket, wanted: Pick<Wanted, 'stdout' | 'stderr'>): Remote {
  const sizes = new Sizes()
  let ended = false
  const stdin = new Readable({ highWaterMark: inputHighWater, read: () => ws.resume() })
  stdin.on('error', () => undefined)
  const output = (to: number, asked: boolean): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        // What nobody asked for, or can have any more, flows all the same.
        if (!asked || ws.readyState !== WebSocket.OPEN) done()
        else ws.send(Buffer.concat([Buffer.of(to), chunk]), () => done())
      },
    })
  ws.on('message', (data: RawData) => {
    const message = data as Buffer
    const body = message.subarray(1)
    if (message[0] === channel.stdin && body.length > 0) {
      if (!ended && !stdin.destroyed && !stdin.push(body)) ws.pause()
    } else if (message[0] === channel.close && body[0] === channel.stdin && !ended) {
      ended = true
      stdin.push(null)
    } else if (message[0] === channel.resize) sizes.take(body.toString('utf8'))
  })
  ws.resume()
  const gone = new Promise<void>((resolve) => {
    ws.once('close', () => {
      stdin.destroy()
      resolve()
    })
  })
  return {
    stdin,
    stdout: output(channel.stdout, wanted.stdout),
    stderr: output(channel.stderr, wanted.stderr),
    onResize: (listener) => sizes.tell(listener),
    finish(status) {
      if (ws.readyState !== WebSocket.OPEN) return
      // What it still sends is for nobody, but its goodbye is behind it.
      stdin.destroy()
      ws.resume()
      ws.send(Buffer.concat([Buffer.of(channel.status), Buffer.from(JSON.stringify(status))]))
      ws.close(1000)
    },
    gone,
  }
}
