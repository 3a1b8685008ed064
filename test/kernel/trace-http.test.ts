import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newAuthority } from '../../src/api/certificates/authority.ts'
import { makeServerCertificate } from '../../src/api/certificates/certificates.ts'
import { address } from '../../src/base/address.ts'
import type { Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

/** Raw TCP servers of one pod, by port: what each does with a connection `c`. */
const servers = {
  1001: `c.end()`,
  1002: `c.destroy()`,
  1003: `c.write('SSH-2.0-OpenSSH_9.2\\r\\n')`,
  1004: `c.write(Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256)))`,
  1005: `c.write('HTTP/1.1 200 OK\\r\\nx: '); const t = setInterval(() => c.write('y'), 20); c.on('close', () => clearInterval(t))`,
  1006: `const t = setInterval(() => c.write('x: ' + 'y'.repeat(1000) + '\\r\\n'), 1); c.write('HTTP/1.1 200 OK\\r\\n'); c.on('close', () => clearInterval(t))`,
  1007: `c.write('HTTP/1.1 301 Moved Permanently\\r\\nlocation: https://web.shop/\\r\\ncontent-length: 0\\r\\n\\r\\n')`,
  1008: `c.write('HTTP/1.1 302 Found\\r\\nlocation: /' + 'x'.repeat(5000) + '\\r\\n\\r\\n')`,
  1009: `c.write('HTTP/1.1 200 OK\\r\\ncontent-length: 1000000000000\\r\\n\\r\\n'); const t = setInterval(() => c.write(Buffer.alloc(1 << 20)), 1); c.on('close', () => clearInterval(t))`,
  1010: `c.write(Buffer.from([0x15, 3, 3, 0, 2, 2, 70])); c.end()`,
  1011: `c.write('HTTP/1.1 100 Continue\\r\\n\\r\\nHTTP/1.1 503 Service\\x07 Unavailable\\r\\n\\r\\n'); c.end()`,
  1012: `c.resetAndDestroy()`,
  1014: `c.once('data', () => c.resetAndDestroy())`,
  1013: `c.once('data', () => c.write('HTTP/1.1 200 OK\\r\\n\\r\\n'))`,
}

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('web', 'node2')
  const listens = Object.entries(servers).map(
    ([port, does]) => `net.createServer((c) => { c.on('error', () => {}); ${does} }).listen(${port}, done)`,
  )
  await world.program(
    'web',
    `const net = require('net'); let left = ${listens.length}; const done = () => --left || console.log('ready'); ${listens.join(';')}`,
  )
  const authority = newAuthority()
  const certificates = [
    makeServerCertificate(authority, { name: 'web' }, ['web.shop']),
    makeServerCertificate(authority, { name: 'web' }, ['web.shop', address(world.addressOf('web'))]),
  ]
  for (const [at, { cert, key }] of certificates.entries())
    await world.program(
      'web',
      `require('https').createServer(${JSON.stringify({ cert, key })}, (q, r) => r.end('hi')).listen(${2001 + at}, () => console.log('ready'))`,
    )
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const get = (port: number, scheme = 'http', timeoutMs = 400): Promise<Trace> =>
  world.trace('client', `${scheme}://${world.addressOf('web')}:${port}/`, { timeoutMs })

test('what a program does with the connection is told in plain words, and bounded', async () => {
  const rows: [number, Trace['verdict'], string | RegExp | undefined][] = [
    [1001, 'no-answer', 'it ended the connection without an answer'],
    // A program that closes: where the request was there already, unread, its kernel resets the connection (RFC 2525, 2.17).
    [1002, 'no-answer', /^it (ended|reset) the connection without an answer$/],
    [1003, 'no-answer', 'what it sent is not HTTP, but "SSH-2.0-OpenSSH_9.2??"'],
    [1004, 'no-answer', /^what it sent is not HTTP, but "\?+ !/],
    [1005, 'no-answer', /^only the beginning of an answer came: \d\d bytes$/],
    [1006, 'no-answer', 'the head of its answer is longer than 16 KB'],
    [1010, 'no-answer', 'it speaks TLS, not HTTP; ask for https://'],
    [1011, 'delivered', '503 Service? Unavailable'],
    [1012, 'no-answer', 'it reset the connection without an answer'],
    [1014, 'no-answer', 'it reset the connection without an answer'],
    [1013, 'delivered', '200 OK'],
  ]
  for (const [port, verdict, status] of rows) {
    const trace = await get(port)
    assert.equal(trace.verdict, verdict, `${port}: ${trace.status}`)
    if (status instanceof RegExp) assert.match(trace.status ?? '', status)
    else assert.equal(trace.status, status, String(port))
    assert.ok(trace.ms < 1000)
    // The last hop contradicts no head.
    const end =
      verdict === 'delivered'
        ? / has its answer, from .*, whom it asked$/
        : /^client is connected to .*, whom it asked; nothing that it understands came over the connection$/
    assert.match(trace.reply.at(-1)?.say ?? '', end, String(port))
  }
})

test('a redirect is a status with where to, and is not followed', async () => {
  assert.equal((await get(1007)).status, '301 Moved Permanently, to https://web.shop/')
  assert.match((await get(1008)).status ?? '', /^302 Found, to \/x{199}\.\.\.$/)
})

test('the body is not read', async () => {
  const trace = await get(1009)
  assert.equal(trace.status, '200 OK')
  assert.equal(trace.verdict, 'delivered')
})

test('HTTPS: the status, and the certificate’s names where they are not what was asked for', async () => {
  const strange = await get(2001, 'https', 2000)
  assert.deepEqual([strange.verdict, strange.status], ['delivered', '200 OK'], JSON.stringify(strange))
  assert.deepEqual(
    strange.why.map(({ code, level, say, fix }) => [code, level, say, fix]),
    [
      [
        'CertificateName',
        'info',
        `the certificate is for web.shop, web, not for ${world.addressOf('web')}: a client that checks it ends the connection`,
        'ask for web.shop',
      ],
    ],
  )
  const right = await get(2002, 'https', 2000)
  assert.deepEqual([right.verdict, right.status, right.why], ['delivered', '200 OK', []])
})

test('the wrong one of http and https is told', async () => {
  assert.equal((await get(1007, 'https')).status, 'it does not speak TLS; ask for http://')
  assert.equal((await get(2001, 'http')).status, 'it ended the connection without an answer')
  assert.equal((await get(1001, 'https')).status, 'it ended the connection in the middle of the TLS handshake')
})
