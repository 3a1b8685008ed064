import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { imageIdOf } from './catalog.ts'
import type { PullStep } from './pull.ts'
import { parseDockerConfig } from './registry/keyring.ts'
import { ImageStore } from './store.ts'
import { dockerArchive } from './testing/archive.ts'
import { serveRegistry } from './testing/registry.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'

const base = tar([
  { path: 'etc/', type: '5', mode: 0o755 },
  { path: 'etc/motd', body: 'hello' },
])
const top = tar([{ path: 'etc/.wh.motd' }, { path: 'etc/more', body: 'more' }])
const large = (letter: string): Buffer => tar([{ path: letter, body: Buffer.alloc(300_000, letter) }])
const plain = (layer: Buffer): Buffer => layer

test('an image is pulled, found by its name, and pulled again without its layers', async (t) => {
  const { store, view } = world(t)
  const registry = await serveRegistry(t)
  const config = {
    Entrypoint: ['/run'],
    Env: ['A=b=c'],
    User: '1:2',
    WorkingDir: 'srv',
    ExposedPorts: { '80/tcp': {} },
  }
  const { digest, blobs } = registry.push('team/web:1', [base, top], { config })
  const name = `${registry.host}/team/web:1`
  const pulled = await store.pull(name)
  assert.deepEqual(pulled.digests, [`${registry.host}/team/web@${digest}`])
  assert.equal(imageIdOf(pulled, name), `${registry.host}/team/web@${digest}`)
  const found = store.find(name)
  assert.deepEqual(found, {
    id: pulled.id,
    names: [name],
    digests: pulled.digests,
    loaded: pulled.loaded,
    layers: pulled.layers,
  })
  assert.deepEqual(view(name).names('etc'), ['more'])
  assert.deepEqual(store.configOf(pulled), {
    entrypoint: ['/run'],
    cmd: [],
    env: [['A', 'b=c']],
    user: '1:2',
    workingDir: '/srv',
    exposedPorts: ['80/tcp'],
    volumes: [],
    stopSignal: '',
    labels: {},
  })
  const [above, below] = store.lowerdirs(pulled)
  assert.equal(readFileSync(join(above ?? '', 'etc/more'), 'utf8'), 'more')
  assert.equal(readFileSync(join(below ?? '', 'etc/motd'), 'utf8'), 'hello')
  assert.equal(store.find(`${registry.host}/team/web@${digest}`)?.id, pulled.id)
  await store.pull(name)
  assert.deepEqual(
    blobs.map((each) => registry.times(each)),
    [1, 1],
  )
  assert.deepEqual(readdirSync(store.folder).sort(), ['configs', 'images.json', 'layers'])
})

test('manifests and indexes of OCI and of Docker, and layers packed by gzip, zstd and not at all, give the same image', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const kind = 'application/vnd.oci.image.layer.v1.tar'
  const ids = new Set<string>()
  const pushes = [
    {},
    { docker: true },
    { index: true },
    { docker: true, index: true },
    { pack: zstdCompressSync },
    { pack: plain },
  ]
  for (const [index, options] of pushes.entries()) {
    registry.push(`web:${index}`, [base, top], options)
    ids.add((await store.pull(`${registry.host}/web:${index}`)).id)
  }
  assert.equal(ids.size, 1, kind)
  assert.equal(store.list()[0]?.names.length, pushes.length)
})

test('an image is pulled by its digest, also that of an index', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { digest } = registry.push('web:1', [base], { index: true })
  const name = `${registry.host}/web@${digest}`
  const image = await store.pull(name)
  assert.equal(store.find(name)?.id, image.id)
  assert.deepEqual(image.digests, [name])
  assert.equal(store.find(`${registry.host}/web:1`), undefined)
  assert.equal((await store.remove(name)).gone, true)
  assert.equal(existsSync(store.folder), false)
})

test('a tag that has moved is followed, and the image that it left goes', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [base])
  const before = await store.pull(`${registry.host}/web:1`)
  registry.push('web:1', [base, top])
  const after = await store.pull(`${registry.host}/web:1`)
  assert.notEqual(before.id, after.id)
  assert.deepEqual(
    store.list().map(({ id }) => id),
    [after.id],
  )
  assert.throws(() => store.configOf(before).cmd.length > 0 || store.use(before), { code: 'NoImage' })
})

test('layers of a loaded image are not sent', async (t) => {
  const { store, file } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [base, top])
  await store.load(file(dockerArchive([base])))
  await store.pull(`${registry.host}/web:1`)
  assert.deepEqual(
    blobs.map((each) => registry.times(each)),
    [0, 1],
  )
})

test('progress says what is found, what comes, and what is there', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [base], { pack: plain })
  const { digest } = registry.push('web:2', [base, large('x')], { pack: plain })
  await store.pull(`${registry.host}/web:1`)
  const steps: PullStep[] = []
  await store.pull(`${registry.host}/web:2`, { onProgress: (step) => steps.push(step) })
  const sizes = [base.length, large('x').length]
  assert.deepEqual(steps[0], { kind: 'found', digest, layers: 2, bytes: (sizes[0] ?? 0) + (sizes[1] ?? 0) })
  const of = (index: number): string[] =>
    steps.flatMap((step) =>
      step.kind === 'layer' && step.index === index ? `${step.state} ${step.received}/${step.size}` : [],
    )
  assert.deepEqual(of(0), [`there 0/${sizes[0]}`])
  assert.equal(of(1)[0], `downloading 0/${sizes[1]}`)
  assert.deepEqual(of(1).slice(-2), [`unpacking ${sizes[1]}/${sizes[1]}`, `done ${sizes[1]}/${sizes[1]}`])
})

test('several pulls at once, of stores that know nothing of each other, send each layer once', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const shared = [large('a'), large('b')]
  const one = registry.push('one:1', [...shared, large('c')])
  const two = registry.push('two:1', [...shared, large('d'), large('e')])
  const names = ['one:1', 'two:1', 'one:1', 'two:1', 'one:1'].map((name) => `${registry.host}/${name}`)
  await Promise.all(names.map((name) => new ImageStore(store.folder).pull(name)))
  for (const digest of [...one.blobs, ...two.blobs]) assert.equal(registry.times(digest), 1)
  assert.equal(store.list().length, 2)
  assert.deepEqual(readdirSync(store.folder).sort(), ['configs', 'images.json', 'layers'])
  for (const { layers } of store.list()) for (const { bytes } of layers) assert.equal(bytes, 300_000)
})

test('a pull that fails does not take away what another one at the same time needs', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const good = registry.push('good:1', [large('a'), large('b'), large('c')])
  registry.push('bad:1', [large('a'), large('b'), tar([{ path: '../x' }])])
  const pulls = ['bad', 'good', 'bad', 'good'].map((name) => store.pull(`${registry.host}/${name}:1`))
  const results = await Promise.allSettled(pulls)
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal(readdirSync(join(store.folder, 'layers')).length, 3)
  for (const digest of good.blobs) assert.equal(registry.times(digest), 1)
})

test('a signal ends a pull, its reason comes out, and nothing is left', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [large('a'), large('b')])
  const stop = new AbortController()
  const reason = new Error('enough')
  registry.intercept = (_, response, path) => {
    if (!path.includes('/blobs/') || registry.asked.length < 4) return false
    response.writeHead(200)
    response.write('x')
    stop.abort(reason)
    return true
  }
  await assert.rejects(store.pull(`${registry.host}/web:1`, { signal: stop.signal }), reason)
  assert.equal(existsSync(store.folder), false)
  await assert.rejects(store.pull(`${registry.host}/web:1`, { signal: stop.signal }), reason)
  assert.equal(existsSync(store.folder), false)
})

test('what is no name of an image is refused before anybody is asked', async (t) => {
  const { store } = world(t)
  await assert.rejects(store.pull('No/Such/Name'), { code: 'BadName' })
  assert.deepEqual(parseDockerConfig({ auths: {} }, 'x'), [])
})
