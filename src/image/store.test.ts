import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { KubehopError } from '../base/errors.ts'
import { sizeOf } from './catalog.ts'
import { hexOf } from './digest.ts'
import { dockerArchive, dockerMembers, ociArchive } from './testing/archive.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'

const base = tar([
  { path: 'etc/', type: '5', mode: 0o755 },
  { path: 'etc/motd', body: 'hello' },
  { path: 'bin/', type: '5', mode: 0o755 },
  { path: 'bin/run', body: '#!/bin/sh', mode: 0o4755 },
  { path: 'bin/again', type: '1', link: 'bin/run' },
  { path: 'sh', type: '2', link: '/bin/run' },
])
const top = tar([{ path: 'etc/.wh.motd' }, { path: 'etc/more', body: 'more' }])
const name = 'docker.io/library/test:1'

test('an archive of docker save is loaded: files, rights, links', async (t) => {
  const { store, file, view } = world(t)
  const [image] = await store.load(file(dockerArchive([base])))
  assert.deepEqual(store.list(), [
    { id: image?.id, names: [name], digests: [], loaded: image?.loaded, layers: image?.layers },
  ])
  assert.equal(sizeOf(image ?? { layers: [] }), 14)
  const seen = view(name)
  assert.deepEqual(seen.names(''), ['bin', 'etc', 'sh'])
  assert.equal(seen.stat('bin/run')?.mode, 0o104755)
  assert.equal(seen.stat('bin/run')?.mtimeMs, 1e12)
  assert.equal(seen.stat('bin/again')?.ino, seen.stat('bin/run')?.ino)
  assert.equal(seen.linkOf('sh'), '/bin/run')
  assert.equal(statSync(store.folder).mode & 0o777, 0o700)
  const layer = join(store.folder, 'layers', hexOf(image?.layers[0]?.chain ?? 'sha256:'))
  assert.equal(readFileSync(join(layer, 'etc/motd'), 'utf8'), 'hello')
  assert.deepEqual(readdirSync(store.folder).sort(), ['configs', 'images.json', 'layers'])
})

test('a layer above hides and adds', async (t) => {
  const { store, file, view } = world(t)
  await store.load(file(dockerArchive([base, top])))
  assert.deepEqual(view(name).names('etc'), ['more'])
  assert.equal(view(name).stat('etc/motd'), undefined)
  assert.equal(view(name).stat('etc')?.mode, 0o40755)
})

test('archives packed by gzip and zstd, and OCI layouts, give the same image', async (t) => {
  const { store, file } = world(t)
  const annotations = { 'io.containerd.image.name': 'docker.io/library/other:2' }
  for (const bytes of [
    dockerArchive([base, top]),
    gzipSync(dockerArchive([base, top])),
    zstdCompressSync(dockerArchive([base, top])),
    ociArchive([base, top], { annotations }),
    gzipSync(ociArchive([base, top], { annotations, platforms: 'between' })),
    ociArchive([base, top], { annotations, platforms: 'beside' }),
  ])
    await store.load(file(bytes))
  const [image, second] = store.list()
  assert.equal(second, undefined)
  assert.deepEqual(image?.names, ['docker.io/library/other:2', name])
})

test('an image without a name can be given one, and is known by its id', async (t) => {
  const { store, file } = world(t)
  const bytes = ociArchive([base], { annotations: { 'org.opencontainers.image.ref.name': 'latest' } })
  const [image] = await store.load(file(bytes))
  assert.deepEqual(store.list()[0]?.names, [])
  await store.load(file(bytes), { name: 'docker.io/library/mine:1' })
  assert.deepEqual(store.list()[0]?.names, ['docker.io/library/mine:1'])
  assert.equal((await store.remove(image?.id ?? '')).gone, true)
  assert.equal(existsSync(store.folder), false)
})

test('layers are shared, and go with their last image', async (t) => {
  const { store, file } = world(t)
  await store.load(file(dockerArchive([base], ['one', 'also-one'])))
  await store.load(file(dockerArchive([base, top], ['two'])))
  const layers = (): string[] => readdirSync(join(store.folder, 'layers'))
  assert.equal(layers().length, 2)
  assert.equal((await store.remove('one')).gone, false)
  assert.equal((await store.remove('docker.io/library/also-one')).gone, true)
  assert.equal(layers().length, 2)
  await store.remove('two:latest')
  assert.equal(existsSync(store.folder), false)
  await assert.rejects(store.remove('two'), { code: 'NoImage' })
  assert.equal(existsSync(store.folder), false)
})

test('a name goes to the newer image, and the older goes with its last name', async (t) => {
  const { store, file } = world(t)
  await store.load(file(dockerArchive([base])))
  await store.load(file(dockerArchive([top])))
  assert.equal(store.list().length, 1)
  assert.equal(readdirSync(join(store.folder, 'layers')).length, 1)
})

test('a layer that Docker wrote as a link to an equal one is found', async (t) => {
  const { store, file, view } = world(t)
  const members = dockerMembers([base, base], ['test:1']).map((each) =>
    each.path === '1/layer.tar' ? { path: each.path, type: '2', link: '../0/layer.tar' } : each,
  )
  await store.load(file(tar(members)))
  assert.deepEqual(view(name).names('bin'), ['again', 'run'])
})

test('an archive that cannot be read is told as the archive, not as the store', async (t) => {
  const { store, folder } = world(t)
  const circle = join(folder, 'circle.tar')
  symlinkSync('circle.tar', circle)
  for (const [path, code, say] of [
    [join(folder, 'none.tar'), 'NoFile', /^there is no file .*none\.tar$/],
    [folder, 'NoFile', /is no file: name an archive/],
    [circle, 'ELOOP', /^\S+circle\.tar cannot be read: ELOOP/],
  ] as const)
    await assert.rejects(store.load(path), (error: KubehopError) => error.code === code && say.test(error.plain))
  assert.equal(existsSync(store.folder), false)
})

test('files whose attributes cannot be kept are named', async (t) => {
  const { store, file } = world(t)
  const layer = tar([{ path: 'ping', body: 'x', pax: { 'SCHILY.xattr.security.selinux': 'x' } }])
  const [image] = await store.load(file(dockerArchive([layer])))
  assert.deepEqual(image?.withoutAttributes, ['ping'])
})

test('a catalog of before there were registries is read, and one that is none is said', (t) => {
  const { store } = world(t)
  mkdirSync(store.folder)
  const image = { id: `sha256:${'a'.repeat(64)}`, names: [name], loaded: '2026-01-01T00:00:00.000Z', layers: [] }
  const write = (text: string): void => writeFileSync(join(store.folder, 'images.json'), text)
  write(JSON.stringify({ images: [image] }))
  assert.deepEqual(store.find('test:1'), { ...image, digests: [] })
  for (const text of ['{', '{"images": 1}', 'null']) {
    write(text)
    assert.throws(() => store.list(), {
      code: 'BadStore',
      message: /images.json cannot be read: remove .*, and load its images again/,
    })
  }
})
