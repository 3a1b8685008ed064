import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubehopError } from '../../base/errors.ts'
import { serveRegistry, type TestRegistry } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'
import type { ImageStore } from '../store.ts'

const layer = tar([{ path: 'a', body: 'a' }])
const limits = { tries: 2, retryMs: 0, answerMs: 5000, slowMs: 5000 }

test('manifests with random bytes in them are taken or refused, and leave nothing half', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('one:1', [layer])
  registry.push('two:1', [layer], { docker: true, index: true })
  const good = ['one', 'two'].map((name) => registry.manifests.get(`${name}:1`) ?? { type: '', body: Buffer.alloc(0) })
  // Most of what JSON is made of, so that it often still is.
  const byte = fc.constantFrom(...'{}[]",:0123456789abfnulst\\ \0é'.split('').map((each) => each.charCodeAt(0)))
  const change = fc.tuple(fc.nat(), byte)
  let taken = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...good),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      async (from, changes) => {
        const body = Buffer.from(from.body)
        for (const [at, value] of changes) body[at % body.length] = value
        registry.manifest('web:1', from.type, body)
        if (await tryToPull(store, registry)) taken++
      },
    ),
    { numRuns: 150 },
  )
  assert.ok(taken > 0, 'none was taken')
})

test('answers with random status and headers are taken or refused', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [layer])
  const status = fc.constantFrom(200, 201, 204, 206, 301, 304, 307, 400, 401, 403, 404, 416, 418, 429, 500, 503)
  const value = fc.oneof(
    fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
    fc.constantFrom(
      '0',
      '-1',
      '1e9',
      'Bearer realm="http://127.0.0.1:1/"',
      'Basic',
      '//',
      '/v2/x',
      'bytes 0-1/2',
      `sha256:${'a'.repeat(64)}`,
      'gzip',
    ),
  )
  const name = fc.constantFrom(
    'location',
    'www-authenticate',
    'docker-content-digest',
    'content-range',
    'content-encoding',
    'content-type',
    'retry-after',
    'x',
  )
  const answer = fc.record({
    status,
    headers: fc.dictionary(name, value, { noNullPrototype: true }),
    body: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(answer), { minLength: 1, maxLength: 4 }), async (answers) => {
      const left = [...answers]
      registry.intercept = (_, response) => {
        const next = left.shift()
        if (!next) return false
        response.writeHead(next.status, next.headers)
        response.end(next.body ? '{"token": "x", "errors": [{}]}' : '')
        return true
      }
      await tryToPull(store, registry)
    }),
    { numRuns: 150 },
  )
})

async function tryToPull(store: ImageStore, registry: TestRegistry): Promise<boolean> {
  const options = {
    limits,
    credentials: [[{ host: '127.0.0.1', port: undefined, path: '', credential: { user: 'a', password: 'b' } }]],
  }
  const image = await store.pull(`${registry.host}/web:1`, options).catch((error: unknown) => {
    assert.ok(error instanceof KubehopError, String((error as Error).stack))
    assert.doesNotMatch(error.code, /^E[A-Z]+$/, error.message)
    assert.ok(error.plain.length < 2000, error.plain)
  })
  if (image) await store.remove(image.id)
  assert.equal(existsSync(store.folder), false)
  return image !== undefined
}
