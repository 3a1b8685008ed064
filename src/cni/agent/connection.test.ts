import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, mkdtempSync, rmSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readableOnce } from '../../kernel/reactor.ts'
import { acceptUnix, listenUnix } from '../../kernel/unix-peer.ts'
import { type Connection, greet } from './connection.ts'

/** Somebody who connected and was greeted, and what the agent heard of them. */
async function meet(
  patienceMs: number,
  say = 'an answer',
): Promise<{ socket: Socket; told: string[]; closed: Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'connection-'))
  const listening = listenUnix(join(folder, 's'))
  const socket = createConnection(join(folder, 's'))
  await readableOnce(listening)
  const told: string[] = []
  const over = Promise.withResolvers<void>()
  const tell =
    (what: string) =>
    (of: object, connection: Connection): void => {
      told.push(`${what} ${JSON.stringify(of)}`)
      connection.answer(1, say)
    }
  greet(
    acceptUnix(listening) ?? assert.fail(),
    { asked: tell('asked'), refused: tell('refused'), closed: () => over.resolve() },
    patienceMs,
  )
  closeSync(listening)
  rmSync(folder, { recursive: true })
  assert.equal((await once(socket, 'data')).toString(), 'KUBEHOP\u0001')
  return { socket, told, closed: over.promise }
}

test('who does not send a request in time is told so', async () => {
  const { socket, told, closed } = await meet(50)
  socket.write('\u0001')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.equal(answer.toString('utf8', 8), 'an answer')
  await closed
  assert.deepEqual(told, ['refused {"code":"io","say":"the request was not sent within 0.05 s"}'])
})

test('who does not take the answer in time is left', async () => {
  // More than the kernel keeps for somebody who does not read.
  const { socket, told, closed } = await meet(50, 'x'.repeat(1 << 22))
  socket.pause()
  socket.write(Buffer.from([4, 0, 0, 0, 65, 61, 49, 0, 0, 0, 0, 0]))
  await closed
  assert.deepEqual(told, ['asked {"env":{"A":"1"},"stdin":""}'])
  socket.destroy()
})

test('who hangs up before the request is whole has asked nothing', async () => {
  const { socket, told, closed } = await meet(10_000)
  socket.end(Buffer.from([4, 0, 0, 0, 65]))
  await closed
  assert.deepEqual(told, [])
})
