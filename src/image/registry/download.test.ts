import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { layer, limits, onBlob } from '../testing/hostile-registry.ts'
import { serveRegistry } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'

test('a packed layer may be cut anywhere by the connection', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer], { pack: gzipSync })
  let served = 0
  onBlob((response, blob, { headers }) => {
    const from = Number(/\d+/.exec(headers.range ?? '0')?.[0])
    const status = from === 0 ? 200 : 206
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${blob.length - 1}/${blob.length}`)
    response.writeHead(status, { 'content-length': blob.length - from })
    const part = blob.subarray(from, from + 50_000)
    served += part.length
    response.write(part, () =>
      setTimeout(() => (from + part.length === blob.length ? response.end() : response.destroy()), 20),
    )
  })(registry, blobs[0] ?? '')
  const steps: string[] = []
  await store.pull(`${registry.host}/web:1`, {
    limits: { ...limits, slowMs: 5000, tries: 10 },
    onProgress: (step) => steps.push(step.kind),
  })
  assert.equal(served, registry.blobs.get(blobs[0] ?? '')?.length)
  assert.equal(steps.filter((kind) => kind === 'retry').length, registry.times(blobs[0] ?? '') - 1)
})

test('a layer that is refused ends the others, too', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer, tar([{ path: 'b', body: 'b' }]), tar([{ path: 'c', body: 'c' }])])
  const waiting = Promise.withResolvers<void>()
  registry.intercept = (_, response, path) => {
    // The second never comes to its head, the third not to its end; then the first is wrong.
    if (path.endsWith(blobs[0] ?? '')) void waiting.promise.then(() => response.end('wrong'))
    else if (path.endsWith(blobs[1] ?? '')) return true
    else if (path.endsWith(blobs[2] ?? '')) response.write('x', () => waiting.resolve())
    else return false
    return true
  }
  const patient = { answerMs: 600_000, slowMs: 600_000 }
  await assert.rejects(store.pull(`${registry.host}/web:1`, { limits: patient }), {
    code: 'BadDigest',
    message: /layer 1 of 3/,
  })
  assert.equal(existsSync(store.folder), false)
})

test('a connection that the server has closed meanwhile is made again', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [layer])
  const used = new Set<unknown>()
  let closed = 0
  registry.intercept = ({ socket }) => {
    // Whoever comes a second time over the same connection finds it closed.
    if (!used.has(socket)) {
      used.add(socket)
      return false
    }
    closed++
    socket.destroy()
    return true
  }
  await store.pull(`${registry.host}/web:1`, { limits: { ...limits, slowMs: 5000, tries: 1 } })
  assert.ok(closed > 0)
})

test('a server that cannot begin in the middle sends again what is there', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer])
  onBlob((response, blob) => {
    response.writeHead(200, { 'content-length': blob.length })
    if (registry.times(blobs[0] ?? '') > 1) response.end(blob)
    else response.write(blob.subarray(0, 60_000), () => setTimeout(() => response.destroy(), 20))
  })(registry, blobs[0] ?? '')
  const image = await store.pull(`${registry.host}/web:1`, { limits: { ...limits, slowMs: 5000 } })
  assert.equal(image.layers[0]?.bytes, 200_000)
  assert.equal(registry.times(blobs[0] ?? ''), 2)
})
