import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { checkRefused, endless, limits, onBlob, type Row } from '../testing/hostile-registry.ts'
import { refuse } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'

const rows: Row[] = [
  {
    about: 'a blob with another digest',
    code: 'BadDigest',
    says: /^layer 1 of 1: 127.0.0.1:\d+ sends sha256:.* in the place of sha256:/,
    make: onBlob((response, blob) => response.end(Buffer.from(blob).reverse())),
  },
  {
    about: 'a blob that never ends',
    code: 'TooLarge',
    says: /sends more for sha256:/,
    make: onBlob(endless),
  },
  {
    about: 'a blob with a wrong length',
    code: 'BadDigest',
    says: /has 7 bytes for sha256:.* its manifest says/,
    make: onBlob((response) => response.writeHead(200, { 'content-length': 7 }).end('seven b')),
  },
  {
    about: 'a blob that ends early, again and again',
    code: 'BadAnswer',
    says: /broke off after 0 of \d+ bytes, 3 times: .* ends sha256:/,
    make: onBlob((response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end()),
  },
  {
    about: 'a blob whose length is a lie',
    code: 'Unreachable',
    says: /broke off after \d+ of \d+ bytes, 3 times/,
    make: onBlob((response, blob, request) => {
      if (request.headers.range === undefined) {
        response.writeHead(200, { 'content-length': blob.length })
        response.write(blob.subarray(0, 1000))
      }
      setTimeout(() => response.destroy(), 20)
    }),
  },
  {
    about: 'a blob that comes byte by byte',
    code: 'TooSlow',
    says: /less than 1000 bytes in 0.2 s/,
    make: onBlob((response, blob) => {
      let at = 0
      response.writeHead(200)
      const timer = setInterval(() => response.write(blob.subarray(at, ++at)), 10)
      response.once('close', () => clearInterval(timer))
    }),
  },
  {
    about: 'a blob that is not there',
    code: 'NoImage',
    says: /^layer 1 of 1: 127.0.0.1:\d+ has no blob sha256:/,
    make: onBlob((response) => refuse(response, 404, 'BLOB_UNKNOWN')),
  },
  {
    about: 'another part than was asked for',
    code: 'BadAnswer',
    says: /another part of the blob/,
    make: onBlob((response, blob, { headers }) => {
      if (headers.range) {
        response.writeHead(206, { 'content-range': `bytes 0-${blob.length - 1}/${blob.length}` }).end(blob)
        return
      }
      response.writeHead(200, { 'content-length': blob.length })
      response.write(blob.subarray(0, 1000))
      setTimeout(() => response.destroy(), 20)
    }),
  },
  {
    about: 'a redirect in a circle',
    code: 'BadRedirect',
    says: /to no end/,
    make: onBlob((response, _, { url }) => response.writeHead(307, { location: url }).end()),
  },
  {
    about: 'a redirect to nowhere',
    code: 'BadRedirect',
    says: /leads to "", which is no address/,
    make: onBlob((response) => response.writeHead(307).end()),
  },
  {
    about: 'a redirect to a file',
    code: 'BadRedirect',
    says: /leads to "file:\/\/\/etc\/passwd"/,
    make: onBlob((response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end()),
  },
  {
    about: 'a layer that is a bomb',
    code: 'TooLarge',
    says: /more than 10 times as large/,
    options: { limits: { ratio: 10, ratioFrom: 1000 } },
    make(registry) {
      registry.push('web:1', [tar([{ path: 'zeros', body: Buffer.alloc(1_000_000) }])])
    },
  },
]

for (const row of rows) test(`${row.about} is refused, and leaves nothing`, (t) => checkRefused(t, row))

test('what does not speak HTTP, or nothing at all, is said', async (t) => {
  const { store } = world(t)
  const speak = async (greet: (socket: Socket) => void): Promise<string> => {
    const server = createServer((socket) => greet(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const pull = (host: string): Promise<unknown> => store.pull(`${host}/web`, { limits })
  await assert.rejects(pull(await speak((socket) => void socket.end('220 mail\r\n'))), { code: 'BadAnswer' })
  await assert.rejects(pull(await speak((socket) => socket.destroy())), { code: 'Unreachable' })
  await assert.rejects(pull('127.0.0.1:1'), { code: 'Unreachable' })
  await assert.rejects(pull('no-such-host.invalid'), { code: 'NoHost' })
  assert.equal(existsSync(store.folder), false)
})
