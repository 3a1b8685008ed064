import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ImageStore } from '../../src/image/store.ts'
import { file } from './machine-image.ts'
import { type ImageNode, makeImageNode } from './pod-image-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: ImageNode
before(async () => {
  leaveForOwnNetwork()
  world = await makeImageNode()
})
after(() => world[Symbol.asyncDispose]())

const run = (name: string, image: string): Promise<unknown> =>
  world.node.run(name, { image, command: ['sleep', '1000'], imagePullPolicy: 'Never' })

const layers = (): string[] => {
  const folder = join(world.store.folder, 'layers')
  return existsSync(folder) ? readdirSync(folder) : []
}

test('an image that is removed stays for the container that uses it, also while no agent runs, and goes with it', async () => {
  const { node, store } = world
  const before = new Set(layers())
  const image = await world.image({}, [file('own', 'of this image')], 'test/used:v1')
  await run('used', image)
  await node.ready('used')
  const { gone } = await store.remove(image)
  assert.equal(gone, true)
  assert.equal(store.find(image), undefined)
  const cat = async (): Promise<string> => (await node.exec('used', ['cat', '/own'])).out
  assert.equal(await cat(), 'of this image')
  await node.pods.close()
  await store.collect()
  node.start()
  await node.pods.synced
  assert.equal(await cat(), 'of this image')
  // Nobody can start from it any more.
  await run('too-late', image)
  await node.until(
    'too-late',
    'refused',
    (pod) => pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull',
  )
  for (const name of ['used', 'too-late']) await node.delete(name)
  await store.collect()
  assert.deepEqual(
    layers().filter((layer) => !before.has(layer)),
    [],
  )
})

test('the files of a removed image go with its last container, without anybody asking', async () => {
  const before = new Set(layers())
  const image = await world.image({}, [file('own', 'of that image')], 'test/last:v1')
  await run('last', image)
  await world.node.ready('last')
  await world.store.remove(image)
  assert.notDeepEqual(
    layers().filter((layer) => !before.has(layer)),
    [],
  )
  await world.node.delete('last')
  while (layers().some((layer) => !before.has(layer))) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('an image that is in two stores is found in the other one when the first has it no more', async () => {
  const [first, second] = [join(world.folder, 'first'), join(world.folder, 'second')]
  await using other = await makeImageNode({ images: { stores: [first, second] } })
  const archive = world.archive({}, [], 'both:v1')
  for (const folder of [first, second]) await world.load(archive, 'both:v1', new ImageStore(folder))
  const root = { image: 'both:v1', imagePullPolicy: 'Never' }
  assert.equal(await other.node.sh('one', 'id -u', root), '0\n')
  await new ImageStore(first).remove('both:v1')
  assert.equal(await other.node.sh('two', 'id -u', root), '0\n')
  for (const name of ['one', 'two']) await other.node.delete(name)
})

test('of which image an ended container was is known after the agent, too', async () => {
  const { node } = world
  const image = await world.image({}, [file('own', 'once')], 'test/ended:v1')
  const script = 'while ! test -e /go; do sleep 0.02; done'
  const initContainers = [{ name: 'early', image, command: ['sh', '-c', 'exit 0'] }]
  await node.run('ended', { image, command: ['sh', '-c', script] }, { restartPolicy: 'Never', initContainers })
  await node.ready('ended')
  await node.pods.close()
  node.start()
  await node.pods.synced
  await node.exec('ended', ['sh', '-c', ': > /go'])
  const pod = await node.until('ended', 'done', (one) => one?.status?.phase === 'Succeeded')
  const { initContainerStatuses: [early] = [], containerStatuses: [late] = [] } = pod?.status ?? {}
  assert.match(late?.imageID ?? '', /^sha256:/)
  assert.deepEqual([early?.image, early?.imageID], [late?.image, late?.imageID])
  await node.delete('ended')
})
