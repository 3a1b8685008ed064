import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectTcp, type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { controlFrame, dataFrame, type, words } from '../spdy/frames.ts'
import { Client } from '../spdy/testing.ts'
import { portChannelsProtocol, servePortChannels } from './port-channels.ts'
import { servePortForward } from './port-forward.ts'
import { acceptWebSocket } from './websocket.ts'

/** What stands for the pod: it counts what it is sent, until there is no more. */
let pod: Server
before(async () => {
  pod = createTcpServer({ allowHalfOpen: true }, (socket) => {
    let count = 0
    socket.on('data', (chunk) => (count += chunk.length))
    socket.on('end', () => socket.end(`${count} bytes`))
    socket.on('error', () => undefined)
  })
  pod.listen(0, '127.0.0.1')
  await once(pod, 'listening')
})
after(() => pod.close())

async function connect(port: number): Promise<Duplex> {
  if (port !== 80) throw new Error('nothing listens')
  return connectTcp({ port: (pod.address() as AddressInfo).port, allowHalfOpen: true })
}

const pair = async (client: Client, requestid: string, port: string): Promise<{ error: number; data: number }> => {
  const error = await client.open({ streamtype: 'error', port, requestid })
  return { error, data: await client.open({ streamtype: 'data', port, requestid }) }
}

test('a refused connection is told on its error stream, and the others go on', async () => {
  const client = new Client()
  servePortForward(client.transport, connect)
  const good = await pair(client, '0', '80')
  client.wire.write(dataFrame(good.data, Buffer.from('hello'), false))
  const bad = await pair(client, '1', '81')
  await client.until(`data ${bad.error} error forwarding port 81: nothing listens`)
  await client.until(`data ${bad.data} .`)
  client.wire.write(dataFrame(good.data, Buffer.from(' you'), true))
  await client.until(`data ${good.data} 9 bytes`)
  await client.until(`data ${good.error} .`)
  const later = await pair(client, '2', '80')
  client.wire.write(dataFrame(later.data, Buffer.alloc(0), true))
  await client.until(`data ${later.data} 0 bytes`)
})

test('many at once, their streams in any order, also of clients that know no request ids', async () => {
  const client = new Client()
  servePortForward(client.transport, connect)
  const data: number[] = []
  for (let number = 0; number < 50; number++)
    data.push(await client.open({ streamtype: 'data', port: '80', requestid: `${number}` }))
  for (let number = 49; number >= 0; number--)
    await client.open({ streamtype: 'error', port: '80', requestid: `${number}` })
  const { data: old } = await pair(client, '', '80')
  for (const [at, id] of [...data, old].entries()) client.wire.write(dataFrame(id, Buffer.alloc(at), true))
  for (const [at, id] of [...data, old].entries()) await client.until(`data ${id} ${at} bytes`)
})

test('streams that make no sense are refused; one that is reset takes its connection along', async () => {
  const client = new Client()
  servePortForward(client.transport, connect)
  await client.open({ streamtype: 'data', port: '0', requestid: '1' })
  await client.until('reset 1')
  await client.open({ streamtype: 'video', port: '80', requestid: '1' })
  await client.until('reset 3')
  const connected = once(pod, 'connection') as Promise<[Duplex]>
  const { data } = await pair(client, '1', '80')
  const [socket] = await connected
  const closed = new Promise((resolve) => socket.once('close', resolve))
  client.wire.write(controlFrame(type.reset, words(data, 5)))
  await closed
})

test('by channels: the port first, then data and errors, each on its channel', async () => {
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void acceptWebSocket(request, socket, head, [portChannelsProtocol]).then((ws) =>
      servePortChannels(ws, [80, 81], connect),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, portChannelsProtocol)
  const got: string[] = ['', '', '', '']
  ws.on('message', (message: Buffer) => (got[message[0] ?? 9] += message.subarray(1).toString('latin1')))
  await once(ws, 'open')
  ws.send(Buffer.from('\0hello'))
  while (!got[3]?.includes('nothing')) await once(ws, 'message')
  assert.deepEqual(got, ['P\0', 'P\0', 'Q\0', 'Q\0error forwarding port 81: nothing listens'])
  ws.close()
  await once(ws, 'close')
  server.close()
})
