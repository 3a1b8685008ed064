import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ask } from './ask.ts'
import { createHello } from './hello.ts'

test('hello says who it is and whom it sees', async (t) => {
  const server = createHello('left')
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  assert.equal(
    await ask(`http://127.0.0.1:${port}/`),
    `200 hello from left; you are 127.0.0.1, you asked for 127.0.0.1:${port}`,
  )
})

test('a port where nobody listens is an error', async () => {
  await assert.rejects(ask('http://127.0.0.1:1/'), { code: 'ECONNREFUSED' })
})
