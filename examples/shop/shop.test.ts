import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createApi } from './api.ts'
import { createStore } from './store.ts'
import { storeClient } from './store-client.ts'
import { createWeb } from './web.ts'

const products = [{ id: 'tea', name: 'Tea <green>', price: 450 }]

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'shop-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

async function shop(t: TestContext): Promise<{ api: string; web: string; stopStore(): void }> {
  const server = createStore(join(folder(t), 'store.log'))
  const client = storeClient(`127.0.0.1:${await listen(t, server)}`)
  t.after(() => client.close())
  const api = `http://127.0.0.1:${await listen(t, createApi(client, { products, currency: 'EUR', servedBy: 'api-1 on node1', patienceMs: 100 }))}`
  const web = `http://127.0.0.1:${await listen(t, createWeb({ api, title: 'Shop', servedBy: 'web-1 on node2' }))}`
  return {
    api,
    web,
    stopStore() {
      server.close()
      client.close()
    },
  }
}

const order = (base: string, product: string): Promise<Response> =>
  fetch(`${base}/orders`, { method: 'POST', body: new URLSearchParams({ product }), redirect: 'manual' })

test('an order goes from the page through the API into the store and back onto the page', async (t) => {
  const { web } = await shop(t)
  const ordered = await order(web, 'tea')
  assert.deepEqual([ordered.status, ordered.headers.get('location')], [303, '/'])
  await order(web, 'tea')
  const page = await (await fetch(`${web}/`)).text()
  assert.match(page, /2 orders.*no\. 1: tea.*no\. 2: tea/s)
  assert.match(page, /Tea &#60;green&#62;, 4\.50 EUR/)
  assert.match(page, /page by web-1 on node2; products by api-1 on node1/)
})

test('what the shop does not have or know is refused', async (t) => {
  const { api, web } = await shop(t)
  assert.equal((await order(api, 'cheese')).status, 422)
  assert.equal((await order(web, 'cheese')).status, 422)
  assert.equal((await order(api, 'x'.repeat(5000))).status, 413)
  assert.equal((await fetch(`${api}/nothing`)).status, 404)
  assert.equal((await fetch(`${web}/nothing`)).status, 404)
})

test('without its store the API lives but is not ready, and the page says so', async (t) => {
  const { api, web, stopStore } = await shop(t)
  assert.equal((await fetch(`${api}/readyz`)).status, 200)
  stopStore()
  assert.equal((await fetch(`${api}/readyz`)).status, 503)
  assert.equal((await fetch(`${api}/healthz`)).status, 200)
  assert.match(await (await fetch(`${web}/`)).text(), /The orders cannot be read: is the store there\?/)
})

test('the store keeps what it was told over a restart, and counts on', async (t) => {
  const file = join(folder(t), 'store.log')
  const first = createStore(file)
  const client = storeClient(`127.0.0.1:${await listen(t, first)}`)
  await client.set('a:1', 'one two')
  await client.set('a:1', 'three')
  assert.equal(await client.increment('n'), 1)
  client.close()
  const again = storeClient(`127.0.0.1:${await listen(t, createStore(file))}`)
  assert.deepEqual(await again.list('a:'), [['a:1', 'three']])
  assert.equal(await again.increment('n'), 2)
  again.close()
})

test('the store speaks lines, and refuses what it does not know', async (t) => {
  const port = await listen(t, createStore(join(folder(t), 'store.log')))
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.end('PING\r\nSET a b c\nGET a\nGET x\nSET\nLIST a\nDROP\n')
  let text = ''
  for await (const part of socket) text += part
  assert.equal(text, 'PONG\nOK\nVALUE b c\nNONE\nERROR SET needs a key\nLIST 1\na b c\nERROR unknown: DROP\n')
})
