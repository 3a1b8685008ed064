import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImageStore } from './store.ts'
import { dockerArchive } from './testing/archive.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'

const base = tar([{ path: 'motd', body: 'hello' }])
const top = tar([{ path: 'more', body: 'more' }])

test('an image in use is removed by name at once, and its files when nobody uses them any more', async (t) => {
  const { store, file } = world(t)
  const [image] = await store.load(file(dockerArchive([base])))
  assert.ok(image)
  const [one, other] = [store.use(image), store.use(image)]
  const [folder = ''] = store.lowerdirs(image)
  const { gone, used } = await store.remove('test:1')
  assert.deepEqual([gone, used], [true, true])
  assert.equal(store.find('test:1'), undefined)
  assert.equal(store.find(image.id), undefined)
  assert.deepEqual(store.list(), [])
  await assert.rejects(store.remove(image.id), { code: 'NoImage' })
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  await store.collect()
  assert.equal(readFileSync(join(folder, 'motd'), 'utf8'), 'hello')
  // Who found it before may still begin to use it.
  using late = store.use(image)
  other[Symbol.dispose]()
  await store.collect()
  assert.equal(readFileSync(join(folder, 'motd'), 'utf8'), 'hello')
  late[Symbol.dispose]()
  await store.collect()
  assert.equal(existsSync(store.folder), false)
  assert.throws(() => store.use(image), { code: 'NoImage', message: /has been removed: load or pull it again/ })
})

test('an image in use whose name went to another one stays, too', async (t) => {
  const { store, file } = world(t)
  const [image] = await store.load(file(dockerArchive([base])))
  assert.ok(image)
  const lease = store.use(image)
  await store.load(file(dockerArchive([top])))
  assert.equal(readdirSync(join(store.folder, 'layers')).length, 2)
  assert.equal(store.list().length, 1)
  lease[Symbol.dispose]()
  await store.collect()
  assert.equal(readdirSync(join(store.folder, 'layers')).length, 1)
})

test('an image that is removed while in use, and loaded again, is there as before', async (t) => {
  const { store, file } = world(t)
  const archive = file(dockerArchive([base]))
  const [image] = await store.load(archive)
  assert.ok(image)
  const lease = store.use(image)
  await store.remove('test:1')
  await store.load(archive)
  lease[Symbol.dispose]()
  await store.collect()
  assert.equal(store.find('test:1')?.id, image.id)
  using again = store.use(image)
  await store.remove(image.id)
  assert.ok(existsSync(store.lowerdirs(image)[0] ?? ''))
  again[Symbol.dispose]()
})

test('layers that an image shares with one in use stay with that', async (t) => {
  const { store, file } = world(t)
  const [image] = await store.load(file(dockerArchive([base], ['one'])))
  await store.load(file(dockerArchive([base, top], ['two'])))
  assert.ok(image)
  using _ = store.use(image)
  await store.remove('one')
  await store.remove('two')
  assert.equal(readdirSync(join(store.folder, 'layers')).length, 1)
})

test('a process that is killed uses nothing any more; what it has passed the descriptor to, does', async (t) => {
  const { store, file } = world(t)
  const [image] = await store.load(file(dockerArchive([base])))
  assert.ok(image)
  // The one that takes the lease starts another with its descriptor, as an agent starts a container.
  const script = `
    import { spawn } from 'node:child_process'
    import { ImageStore } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))}
    const store = new ImageStore(${JSON.stringify(store.folder)})
    const lease = store.use(store.find('test:1'))
    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lease.fd] })
    child.on('spawn', () => console.log(child.pid))
    process.stdin.resume()
  `
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [printed] = (await once(holder.stdout, 'data')) as [Buffer]
  let child: number | undefined = Number(printed.toString())
  const end = (): void => {
    if (child !== undefined) process.kill(child)
    child = undefined
  }
  t.after(end)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  await store.remove('test:1')
  const [folder = ''] = store.lowerdirs(image)
  assert.equal(readFileSync(join(folder, 'motd'), 'utf8'), 'hello')
  end()
  // The end of another's child has no event for us.
  const other = new ImageStore(store.folder)
  while (existsSync(folder)) await other.collect()
  assert.equal(existsSync(store.folder), false)
})
