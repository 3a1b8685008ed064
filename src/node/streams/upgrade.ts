import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Execution } from '../../pod/container/exec.ts'
import type { Pods } from '../../pod/pods.ts'
import { portChannelsProtocol, servePortChannels } from './port-channels.ts'
import { type Connect, portForwardProtocol, portIn, servePortForward } from './port-forward.ts'
import { type Remote, serve, type Wanted } from './remote.ts'
import { spdyCommandProtocol, spdyRemote } from './spdy-remote.ts'
import { acceptWebSocket, commandProtocols, tunnelOf, webSocketRemote } from './websocket.ts'

export interface Upgrade {
  request: IncomingMessage
  socket: Duplex
  head: Buffer
  pods: Pods
  /** The path, word by word: `exec`, namespace, pod, container. */
  words: readonly string[]
  query: URLSearchParams
  log: Log
}

/** What a tunnel's subprotocol is called: SPDY in the messages of a WebSocket (KEP-4006). */
const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`
/** A machine that vanished is noticed after half a minute and ten questions of the kernel. */
const keepAliveMs = 30_000
const mostPorts = 100

/** Answers what kubectl streams: exec and attach, by WebSocket or SPDY, and port-forward, by SPDY in either, or by channels. Throws Invalid and NotFound. */
export async function serveUpgrade(upgrade: Upgrade): Promise<void> {
  const { words, query, pods, socket } = upgrade
  const [action, namespace = '', pod = '', container = ''] = words
  ;(socket as Socket).setKeepAlive?.(true, keepAliveMs)
  if (action === 'portForward' && pod !== '' && words.length === 3)
    return forwardPorts(upgrade, (port) => pods.connect(namespace, pod, port))
  if ((action !== 'exec' && action !== 'attach') || container === '' || words.length !== 4)
    throw new KubehopError('node', 'upgrade', 'NotFound', `nothing is at /${words.join('/')}`)
  const wanted = wantedOf(query)
  const start = async (): Promise<Execution> =>
    action === 'exec'
      ? pods.exec(namespace, pod, container, {
          command: query.getAll('command'),
          stdin: wanted.stdin,
          tty: wanted.tty,
        })
      : pods.attach(namespace, pod, container, { stdin: wanted.stdin })
  await serve(await remoteOf(upgrade, wanted), start)
}

async function remoteOf({ request, socket, head }: Upgrade, wanted: Wanted): Promise<Remote> {
  if (isWebSocket(request))
    return webSocketRemote(await acceptWebSocket(request, socket, head, commandProtocols), wanted)
  acceptSpdy(request, socket, head, spdyCommandProtocol)
  return spdyRemote(socket, wanted)
}

async function forwardPorts({ request, socket, head, query, log }: Upgrade, connectTo: Connect): Promise<void> {
  const connect: Connect = async (port) => {
    try {
      return await connectTo(port)
    } catch (error) {
      log.debug({ port, error: messageOf(error) }, 'a forwarded connection failed')
      throw error instanceof KubehopError ? new Error(error.plain, { cause: error }) : error
    }
  }
  if (!isWebSocket(request)) {
    acceptSpdy(request, socket, head, portForwardProtocol)
    return servePortForward(socket, connect)
  }
  const offered = request.headers['sec-websocket-protocol'] ?? ''
  if (offered.includes(tunnelProtocol))
    return servePortForward(tunnelOf(await acceptWebSocket(request, socket, head, [tunnelProtocol])), connect)
  const ports = portsIn(query)
  await servePortChannels(await acceptWebSocket(request, socket, head, [portChannelsProtocol]), ports, connect)
}

function portsIn(query: URLSearchParams): number[] {
  const texts = [...query.getAll('ports'), ...query.getAll('port')].flatMap((text) => text.split(','))
  try {
    if (texts.length === 0 || texts.length > mostPorts) throw new TypeError(`give 1 to ${mostPorts} ports, as ports=80`)
    return texts.map(portIn)
  } catch (error) {
    throw new KubehopError('node', 'port-forward', 'Invalid', messageOf(error))
  }
}

/** Answers 101, and gives back what came behind the request. Throws Invalid when the client speaks another protocol. */
function acceptSpdy(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): void {
  const upgrade = request.headers.upgrade ?? ''
  if (upgrade.toLowerCase() !== 'spdy/3.1')
    throw new KubehopError(
      'node',
      'upgrade',
      'Invalid',
      `upgrade to ${upgrade}: WebSocket and SPDY/3.1 are spoken here`,
    )
  const offered = String(request.headers['x-stream-protocol-version'] ?? '').split(',')
  if (!offered.some((one) => one.trim() === protocol))
    throw new KubehopError(
      'node',
      'upgrade',
      'Invalid',
      `the client speaks ${offered.join(',') || 'no stream protocol'}; here it is ${protocol}`,
    )
  const lines = ['connection: Upgrade', 'upgrade: SPDY/3.1', `x-stream-protocol-version: ${protocol}`]
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
  if (head.length > 0) socket.unshift(head)
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/** The streams that a client wants: by the API's names, or by kubelet's. One that names none wants to see something. */
function wantedOf(query: URLSearchParams): Wanted {
  const set = (...names: string[]): boolean => names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''))
  const [stdin, stdout, stderr] = [set('stdin', 'input'), set('stdout', 'output'), set('stderr', 'error')]
  const none = !stdin && !stdout && !stderr
  return { stdin, stdout: stdout || none, stderr: stderr || none, tty: set('tty') }
}
