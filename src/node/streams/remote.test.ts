import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { WebSocket } from 'ws'
import { KubehopError } from '../../base/errors.ts'
import type { Execution } from '../../pod/container/exec.ts'
import type { Pods } from '../../pod/pods.ts'
import { dataFrame } from '../spdy/frames.ts'
import { Client } from '../spdy/testing.ts'
import { serveUpgrade } from './upgrade.ts'

let server: Server
const kills = new EventEmitter()
const sizes: string[] = []

/** A program that shouts back what it hears, and exits with 3 when it hears no more. */
function shouting(): Execution {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  stdin.on('data', (chunk: Buffer) => stdout.write(chunk.toString().toUpperCase()))
  const exit = once(stdin, 'end').then(async () => {
    stderr.end('over')
    stdout.end()
    await Promise.all([once(stdout, 'close'), once(stderr, 'close')])
    return 3
  })
  return {
    stdin,
    stdout,
    stderr,
    exit,
    resize: (w, h) => void sizes.push(`${w}x${h}`),
    kill: () => void kills.emit('kill'),
  }
}

before(async () => {
  const pods = {
    exec: async (_namespace: string, pod: string) => {
      if (pod === 'none') throw new KubehopError('pod', 'find', 'NotFound', 'no such pod')
      return shouting()
    },
  } as unknown as Pods
  server = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? '', 'http://node')
    const words = url.pathname.split('/').slice(1)
    const log = pino({ level: 'silent' })
    serveUpgrade({ request, socket, head, pods, words, query: url.searchParams, log }).catch((error: Error) =>
      socket.end(`HTTP/1.1 400 Refused\r\n\r\n${error.message}`),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => server.close())

const port = (): number => (server.address() as AddressInfo).port
const path = '/exec/default/web/c?command=shout&input=1&output=1&error=1'

/** A WebSocket client's messages by channel. */
function webSocket(target: string, protocol: string): { ws: WebSocket; got: Record<number, string> } {
  const ws = new WebSocket(`ws://127.0.0.1:${port()}${target}`, protocol)
  const got: Record<number, string> = {}
  ws.on('message', (message: Buffer) => {
    const to = message[0] ?? -1
    got[to] = (got[to] ?? '') + message.subarray(1).toString()
  })
  return { ws, got }
}

test('by WebSocket: input, its end, sizes, both outputs and the exit code', async () => {
  const { ws, got } = webSocket(path, 'v5.channel.k8s.io')
  await once(ws, 'open')
  ws.send(Buffer.from('\x04{"Width":80,"Height":24}'))
  for (const nonsense of ['\x04{', '\x04null', '\x04{"Width":"x"}', '\x09?', '']) ws.send(Buffer.from(nonsense))
  ws.send(Buffer.from('\0hello'))
  ws.send(Buffer.from([255, 0]))
  ws.send(Buffer.from([255, 0]))
  await once(ws, 'close')
  assert.deepEqual([got[1], got[2]], ['HELLO', 'over'])
  const status = JSON.parse(got[3] ?? '') as { details: unknown; reason: string }
  assert.deepEqual(status.details, { causes: [{ reason: 'ExitCode', message: '3' }] })
  assert.deepEqual(sizes.splice(0), ['80x24'])
})

test('what is sent with the handshake is not lost', async () => {
  const socket = connect(port(), '127.0.0.1')
  const head = [`GET ${path} HTTP/1.1`, 'host: node', 'connection: Upgrade', 'upgrade: websocket']
  const keys = [
    'sec-websocket-version: 13',
    'sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==',
    'sec-websocket-protocol: v5.channel.k8s.io',
  ]
  // Two masked messages, by a mask of zeros: `hi` to the input, and its end.
  const messages = Buffer.from('828300000000006869828200000000ff00', 'hex')
  socket.write(Buffer.concat([Buffer.from(`${[...head, ...keys].join('\r\n')}\r\n\r\n`), messages]))
  let text = ''
  while (!text.includes('"message":"3"')) text += String(((await once(socket, 'data')) as [Buffer])[0])
  socket.destroy()
  assert.match(text, /\r\nSec-WebSocket-Protocol: v5\.channel\.k8s\.io\r\n/)
  assert.ok(text.includes('\x01HI'))
})

test('a client that goes takes its process along', async () => {
  const gone = once(kills, 'kill')
  const { ws } = webSocket(path, 'v5.channel.k8s.io')
  await once(ws, 'open')
  ws.terminate()
  await gone
})

test('by SPDY: streams by their names, the status as JSON on the error stream', async () => {
  const request = connect(port(), '127.0.0.1')
  const headers = [
    'connection: Upgrade',
    'upgrade: SPDY/3.1',
    'x-stream-protocol-version: v5.channel.k8s.io, v4.channel.k8s.io',
  ]
  request.write(`POST ${path} HTTP/1.1\r\nhost: node\r\n${headers.join('\r\n')}\r\ncontent-length: 0\r\n\r\n`)
  const [answer] = (await once(request, 'data')) as [Buffer]
  assert.match(String(answer), /^HTTP\/1\.1 101 [^]*x-stream-protocol-version: v4\.channel\.k8s\.io\r\n\r\n$/)
  const client = new Client()
  client.transport.pipe(request).pipe(client.transport)
  for (const streamtype of ['error', 'stdin', 'stdout', 'stderr']) await client.open({ streamtype })
  client.wire.write(dataFrame(3, Buffer.from('hello'), false))
  await client.until('data 5 HELLO')
  client.wire.write(dataFrame(3, Buffer.alloc(0), true))
  await client.until('data 7 over')
  while (!client.seen.some((one) => one.startsWith('data 1 {') && one.includes('"message":"3"')))
    await once(client.wire, 'data')
  await client.until('goAway 7')
  request.destroy()
})

test('what is not there, or not spoken, is said', async () => {
  const { ws, got } = webSocket('/exec/default/none/c?command=x', 'v4.channel.k8s.io')
  await once(ws, 'close')
  assert.match(got[3] ?? '', /"status":"Failure".*"message":"find: no such pod"/)
  const refused = async (target: string, upgrade: string, protocol = ''): Promise<string> => {
    const socket = connect(port(), '127.0.0.1')
    const lines = ['host: node', 'connection: Upgrade', `upgrade: ${upgrade}`, `x-stream-protocol-version: ${protocol}`]
    socket.write(`POST ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    return String(Buffer.concat(await socket.toArray()))
  }
  assert.match(await refused(path, 'h2c'), /upgrade to h2c: WebSocket and SPDY\/3\.1 are spoken here/)
  assert.match(
    await refused(path, 'SPDY/3.1', 'channel.k8s.io'),
    /the client speaks channel\.k8s\.io; here it is v4\.channel\.k8s\.io/,
  )
  assert.match(await refused('/run/default/web/c', 'websocket'), /nothing is at \/run\/default\/web\/c/)
  assert.match(await refused('/portForward/default/web?ports=0', 'websocket'), /"0" is no port/)
})
