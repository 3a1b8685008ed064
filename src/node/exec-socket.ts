import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { messageOf } from '../base/errors.ts'
import type { Execution } from '../pod/container/exec.ts'

// The channel protocol of kubectl exec (KEP-4006): the first byte of each binary message is the channel.
const channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
const maxMessage = 1024 * 1024

/** Answers an upgrade request with the streams of a started process; the process is ended when the client goes. */
export function serveExec(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  start: () => Promise<Execution>,
): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessage,
    handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
  })
  server.handleUpgrade(request, socket, head, (ws) => {
    // Input may arrive before the process is there.
    ws.pause()
    start().then(
      (execution) => connect(ws, execution),
      (error: unknown) => end(ws, failure('InternalError', messageOf(error))),
    )
  })
}

function connect(ws: WebSocket, execution: Execution): void {
  const pump = (from: NodeJS.ReadableStream, to: number): void => {
    from.on('data', (chunk: Buffer) => {
      // A client that does not read must not fill this process's memory.
      if (ws.bufferedAmount > maxMessage) from.pause()
      ws.send(Buffer.concat([Buffer.of(to), chunk]), () => from.resume())
    })
  }
  pump(execution.stdout, channel.stdout)
  if (execution.stderr) pump(execution.stderr, channel.stderr)

  ws.on('message', (data: RawData) => {
    const message = data as Buffer
    const [to] = message
    const body = message.subarray(1)
    if (to === channel.stdin) execution.stdin?.write(body)
    else if (to === channel.close && body[0] === channel.stdin) execution.stdin?.end()
    else if (to === channel.resize) resize(execution, body)
  })
  ws.on('close', () => execution.kill())
  ws.on('error', () => execution.kill())
  ws.resume()
  execution.exit.then(
    (code) => end(ws, code === 0 ? { metadata: {}, status: 'Success' } : exitStatus(code)),
    (error: unknown) => end(ws, failure('InternalError', messageOf(error))),
  )
}

function resize(execution: Execution, body: Buffer): void {
  try {
    const { Width, Height } = JSON.parse(body.toString('utf8')) as { Width?: unknown; Height?: unknown }
    if (Number.isInteger(Width) && Number.isInteger(Height)) execution.resize?.(Width as number, Height as number)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // A client that sends no JSON here asks for nothing.
  }
}

function end(ws: WebSocket, status: object): void {
  if (ws.readyState !== WebSocket.OPEN) return
  ws.resume()
  ws.send(Buffer.concat([Buffer.of(channel.status), Buffer.from(JSON.stringify(status))]))
  ws.close(1000)
}

/** client-go reads the exit code from the cause `ExitCode` (k8s.io/client-go/tools/remotecommand). */
function exitStatus(code: number): object {
  return {
    ...failure('NonZeroExitCode', `command terminated with non-zero exit code: exit status ${code}`),
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}

function failure(reason: string, message: string): object {
  return { metadata: {}, status: 'Failure', reason, message }
}
