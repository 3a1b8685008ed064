import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { HttpGet } from '../../api/objects/pod.ts'
import { httpGet, placeOf } from './http.ts'
import { runProbe } from './run.ts'
import type { ProbeResult } from './target.ts'

/** A server on localhost; its port. */
async function serve(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  return (server.address() as AddressInfo).port
}

const target = (port: number) => ({
  container: { name: 'c', ports: [{ name: 'http', containerPort: port }] },
  podIP: '127.0.0.1',
  exec: () => Promise.reject(new Error('nothing is run here')),
})

const probe = (port: number, get: Partial<HttpGet>, timeoutMs = 5000): Promise<ProbeResult> =>
  runProbe({ httpGet: { port: 'http', ...get } }, target(port), timeoutMs)

/** What a server is asked, as it arrives. */
async function asked(t: TestContext, get: Partial<HttpGet>): Promise<{ url: string; headers: string[][] }> {
  const seen = Promise.withResolvers<{ url: string; headers: string[][] }>()
  const port = await serve(t, (request, response) => {
    const { rawHeaders, url = '' } = request
    const headers = rawHeaders.flatMap((name, at) =>
      at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
    )
    seen.resolve({
      url,
      headers: headers.map(([name = '', value = '']) => [name, value.replace(String(port), 'PORT')]),
    })
    response.end()
  })
  assert.equal((await probe(port, get)).outcome, 'success')
  return seen.promise
}

test('a probe asks as kubelet does', async (t) => {
  const { url, headers } = await asked(t, {})
  assert.equal(url, '/')
  assert.deepEqual(headers.toSorted(), [
    ['accept', '*/*'],
    ['connection', 'close'],
    ['host', '127.0.0.1:PORT'],
    ['user-agent', 'kube-probe/1.35'],
  ])
})

test("headers are the manifest's: several of one name, its own Host, and none where it gives an empty one", async (t) => {
  const httpHeaders = [
    { name: 'X-A', value: '1' },
    { name: 'x-a', value: '2' },
    { name: 'Host', value: 'shop.example' },
    { name: 'User-Agent', value: '' },
    { name: 'Accept', value: '' },
  ]
  const { url, headers } = await asked(t, { path: 'healthz?full=1', httpHeaders })
  assert.equal(url, '/healthz?full=1')
  assert.deepEqual(headers.toSorted(), [
    ['connection', 'close'],
    ['host', 'shop.example'],
    ['x-a', '1'],
    ['x-a', '2'],
  ])
})

test('a redirect on the same host is followed, one to another host is an answer with a warning', async (t) => {
  const hosts: unknown[] = []
  const port = await serve(t, ({ url = '', headers }, response) => {
    hosts.push(headers.host)
    const to = new URLSearchParams(url.split('?')[1]).get('to')
    response.writeHead(to === null ? (url === '/sick' ? 500 : 200) : 302, to === null ? {} : { location: to })
    response.end('moved')
  })
  const to = (place: string): Promise<ProbeResult> => probe(port, { path: `/?to=${encodeURIComponent(place)}` })
  assert.equal((await to('/well')).outcome, 'success')
  assert.equal((await to(`http://127.0.0.1:${port}/well`)).outcome, 'success')
  assert.deepEqual(await to('/sick'), { outcome: 'failure', say: 'HTTP probe failed with statuscode: 500' })
  const elsewhere = { outcome: 'warning', say: 'Probe terminated redirects, Response body: moved' }
  assert.deepEqual(await to('http://shop.example/'), elsewhere)
  hosts.length = 0
  const httpHeaders = [{ name: 'Host', value: 'shop.example' }]
  await probe(port, { path: '/?to=/well', httpHeaders })
  assert.deepEqual(hosts, ['shop.example', 'shop.example'], 'the Host header goes along')
})

test('a loop of redirects ends', async (t) => {
  let times = 0
  const port = await serve(t, (_, response) => {
    times++
    response.writeHead(302, { location: '/' }).end()
  })
  assert.deepEqual(await probe(port, {}), {
    outcome: 'failure',
    say: `Get "http://127.0.0.1:${port}/": stopped after 10 redirects`,
  })
  assert.equal(times, 10)
})

test('a body without end is read to its limit, one that never comes is too late', async (t) => {
  const endless = await serve(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(4096)));
    }
    response.on('drain', more)
    more()
  })
  assert.equal((await probe(endless, {})).outcome, 'success')
  const begun = await serve(t, (_, response) => void response.write('x'))
  const silent = await serve(t, () => undefined)
  for (const port of [begun, silent])
    assert.deepEqual(await probe(port, {}, 100), {
      outcome: 'failure',
      say: `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    })
})

test('what goes wrong on the way is told in the words that people know', async (t) => {
  const port = await serve(t, ({ socket }) => socket.destroy())
  assert.deepEqual(await probe(port, {}), { outcome: 'failure', say: `Get "http://127.0.0.1:${port}/": EOF` })
  assert.deepEqual(await probe(port, { scheme: 'HTTPS' }), {
    outcome: 'failure',
    say: `Get "https://127.0.0.1:${port}/": http: server gave HTTP response to HTTPS client`,
  })
  const closed = createTcp().listen(0, '127.0.0.1')
  await new Promise((resolve) => closed.once('listening', resolve))
  const gone = (closed.address() as AddressInfo).port
  await new Promise((resolve) => closed.close(resolve))
  assert.deepEqual(await probe(gone, {}), {
    outcome: 'failure',
    say: `Get "http://127.0.0.1:${gone}/": dial tcp 127.0.0.1:${gone}: connect: connection refused`,
  })
})

test('what cannot be tried says nothing about the container', async () => {
  const nowhere = target(1)
  for (const [handler, say] of [
    [{ httpGet: { port: 'web' } }, 'couldn\'t find port: "web"; the container has the ports http'],
    [{ exec: { command: ['x'] } }, 'nothing is run here'],
    [{}, 'missing probe handler: one of httpGet, tcpSocket, exec, grpc is needed'],
  ] as const)
    assert.deepEqual(await runProbe(handler as never, nowhere, 1000), { outcome: 'unknown', say })
})

test('a hook that is of no use any more is given up', async (t) => {
  const port = await serve(t, () => over.abort())
  const over = new AbortController()
  const get = { port }
  const wishes = { timeoutMs: 60_000, agent: 'kube-lifecycle', elsewhere: true, signal: over.signal }
  await assert.rejects(httpGet(placeOf(get, target(port)), get, wishes))
})
