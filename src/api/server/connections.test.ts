import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { limitConnections } from './connections.ts'

test('one address holds so many connections and no more; another one still gets in, and so does it when one has ended', async () => {
  const server = createServer()
  limitConnections(server, 3)
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const opened: Socket[] = []
  const accepted: Socket[] = []
  server.on('connection', (socket: Socket) => accepted.push(socket))
  /** Whether the server keeps it: one that is refused ends at once. */
  const holds = async (from: string): Promise<boolean> => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from })
    opened.push(socket)
    socket.on('error', () => {})
    return Promise.race([
      once(socket, 'close').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 100)),
    ])
  }
  try {
    assert.deepEqual(await Promise.all(['1', '1', '1'].map(() => holds('127.0.0.1'))), [true, true, true])
    assert.equal(await holds('127.0.0.1'), false)
    assert.equal(await holds('127.0.0.2'), true)
    const noticed = once(accepted[0] as Socket, 'close')
    opened[0]?.destroy()
    await noticed
    assert.equal(await holds('127.0.0.1'), true)
  } finally {
    for (const socket of opened) socket.destroy()
    server.close()
  }
})
