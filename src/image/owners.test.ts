import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dockerArchive } from './testing/archive.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'

const layer = tar([
  { path: 'theirs', body: 'x', uid: 33, mode: 0o4755 },
  { path: 'closed/', type: '5', mode: 0o555, uid: 33 },
  { path: 'closed/file', body: 'x', uid: 33 },
])
const root = process.getuid?.() === 0
const unshare = ['--user', '--map-root-user']
const skip = spawnSync('unshare', [...unshare, 'true']).status === 0 ? false : 'no user namespace can be made here'

test("files keep their owners where root loads; an ordinary user's are all theirs, and they can remove them", async (t) => {
  const { store, file } = world(t)
  const [image] = await store.load(file(dockerArchive([layer])))
  const [folder = ''] = store.lowerdirs(image ?? { id: 'sha256:', names: [], digests: [], loaded: '', layers: [] })
  const { uid, mode } = lstatSync(join(folder, 'theirs'))
  assert.deepEqual([uid, mode & 0o7777], [root ? 33 : process.getuid?.(), 0o4755])
  assert.equal(lstatSync(join(folder, 'closed')).mode & 0o7777, root ? 0o555 : 0o755)
  await store.remove('test:1')
})

test("in a node of an ordinary user's lab, users that are not there own nothing", { skip }, async (t) => {
  const { store, file } = world(t)
  const script = `
    import { ImageStore } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))}
    const [image] = await new ImageStore(${JSON.stringify(store.folder)}).load(${JSON.stringify(file(dockerArchive([layer])))})
    console.log(image.layers.length)
  `
  const args = [...unshare, process.execPath, '--input-type=module', '-e', script]
  assert.equal(execFileSync('unshare', args, { encoding: 'utf8' }), '1\n')
  const [image] = store.list()
  assert.ok(image)
  const [folder = ''] = store.lowerdirs(image)
  const { uid, mode } = lstatSync(join(folder, 'theirs'))
  assert.deepEqual([uid, mode & 0o7777], [process.getuid?.(), 0o4755])
  // From outside, as who started the lab.
  await store.remove('test:1')
})
