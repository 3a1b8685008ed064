import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { StoredImage } from '../../src/image/catalog.ts'
import { ImageStore } from '../../src/image/store.ts'
import { serveRegistry } from '../../src/image/testing/registry.ts'
import { tar } from '../../src/image/testing/tar.ts'
import { declare, declareRaw } from '../../src/kernel/libc.ts'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'

const mount = declare<[string, string, string, number, string]>(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
)
const lgetxattr = declareRaw<[string, string, Buffer, number]>(
  'long lgetxattr(const char *, const char *, void *, size_t)',
)

test('a pulled image mounts, and one in use stays when it is removed', async (t) => {
  const { store, overlay } = place(t)
  const registry = await serveRegistry(t)
  const below = tar([
    { path: 'etc/', type: '5', mode: 0o755 },
    { path: 'etc/motd', body: 'below' },
    { path: 'etc/gone', body: 'gone' },
    { path: 'bin/run', body: 'run', mode: 0o4755 },
  ])
  const above = tar([{ path: 'etc/motd', body: 'above' }, { path: 'etc/.wh.gone' }])
  registry.push('web:1', [below, above], { index: true })
  const image = await store.pull(`${registry.host}/web:1`)
  const lease = store.use(image)
  const merged = overlay(image)
  const see = (): void => {
    assert.equal(readFileSync(join(merged, 'etc/motd'), 'utf8'), 'above')
    assert.deepEqual(readdirSync(join(merged, 'etc')), ['motd'])
    assert.equal(readFileSync(join(merged, 'bin/run'), 'utf8'), 'run')
  }
  see()
  await store.remove(image.id)
  see()
  unmount(merged)
  lease[Symbol.dispose]()
  await store.collect()
  assert.deepEqual(readdirSync(join(store.folder, '..')).sort(), ['merged', 'u', 'w'])
})

test("file capabilities and what users set is kept through load and overlay; what is this machine's is not", async (t) => {
  const { store, overlay } = place(t)
  const registry = await serveRegistry(t)
  // struct vfs_cap_data, revision 2: cap_net_raw, permitted and effective
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
  const bytes = Buffer.from([0, 255, 10, 61])
  const attributes = {
    'SCHILY.xattr.security.capability': capability,
    'SCHILY.xattr.user.note': bytes,
  }
  const odd = {
    'SCHILY.xattr.user.overlay.opaque': 'y',
    'SCHILY.xattr.trusted.overlay.redirect': '/',
    'SCHILY.xattr.security.selinux': 'x',
  }
  const layer = tar([
    { path: 'bin/ping', body: 'ping', mode: 0o555, uid: 0, pax: attributes },
    {
      path: 'd/',
      type: '5',
      mode: 0o555,
      pax: { 'SCHILY.xattr.user.note': 'd', 'SCHILY.xattr.user.overlay.opaque': 'y' },
    },
    ...Object.entries(odd).map(([key, value], index) => ({ path: `odd/${index}`, pax: { [key]: value } })),
  ])
  registry.push('web:1', [layer])
  const image = await store.pull(`${registry.host}/web:1`)
  assert.deepEqual(image.withoutAttributes.sort(), ['d', 'odd/0', 'odd/1', 'odd/2'])
  const merged = overlay(image)
  assert.deepEqual(attribute(join(merged, 'bin/ping'), 'security.capability'), capability)
  assert.deepEqual(attribute(join(merged, 'bin/ping'), 'user.note'), bytes)
  assert.deepEqual(attribute(join(merged, 'd'), 'user.note'), Buffer.from('d'))
  for (const [index, key] of Object.keys(odd).entries())
    assert.equal(
      attribute(join(store.lowerdirs(image)[0] ?? '', 'odd', String(index)), key.slice('SCHILY.xattr.'.length)),
      undefined,
    )
  unmount(merged)
})

test('where no room is left, that is said, and nothing of the image is', async (t) => {
  const { store } = place(t, '2m')
  const registry = await serveRegistry(t)
  registry.push('packed:1', [tar([{ path: 'x', body: randomBytes(3_000_000) }])])
  registry.push('unpacked:1', [tar([{ path: 'x', body: Buffer.alloc(3_000_000) }])])
  registry.push('small:1', [tar([{ path: 'x', body: 'x' }])])
  const noSpace = { code: 'NoSpace', message: /make room, or set KUBEHOP_STATE to a larger folder/ }
  for (const name of ['packed', 'unpacked']) {
    await assert.rejects(store.pull(`${registry.host}/${name}:1`), noSpace)
    assert.equal(existsSync(store.folder), false)
  }
  await store.pull(`${registry.host}/small:1`)
})

/** A store on a file system of its own, and overlays of its images. */
function place(t: TestContext, size = '64m'): { store: ImageStore; overlay(image: StoredImage): string } {
  {
    using routes = openRouteSocket()
    routes.apply(setLink('lo', { up: true }))
  }
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-mount-'))
  mountTmpfs(folder, `mode=700,size=${size}`)
  t.after(() => {
    unmount(folder)
    rmSync(folder, { recursive: true })
  })
  const store = new ImageStore(join(folder, 'store'))
  const [merged, upper, work] = [join(folder, 'merged'), join(folder, 'u'), join(folder, 'w')]
  for (const each of [merged, upper, work]) mkdirSync(each)
  return {
    store,
    overlay(image) {
      const options = `lowerdir=${store.lowerdirs(image).join(':')},upperdir=${upper},workdir=${work},userxattr`
      mount('mount', 'test', merged, 'overlay', 0, options)
      return merged
    },
  }
}

function attribute(path: string, name: string): Buffer | undefined {
  const value = Buffer.alloc(256)
  const length = lgetxattr(path, name, value, value.length)
  return length < 0 ? undefined : value.subarray(0, length)
}
