import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tar } from '../../src/image/testing/tar.ts'
import { directory, file, type ImageNode, link, makeImageNode } from './pod-image-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: ImageNode
before(async () => {
  leaveForOwnNetwork()
  world = await makeImageNode()
})
after(() => world[Symbol.asyncDispose]())

test('a container of an image has its files, and may write them without anybody seeing it', async () => {
  const { node } = world
  const image = await world.image({}, [file('hello', 'from the image\n'), directory('data')])
  const script = 'cat /hello; echo mine > /hello; echo new > /data/new; cat /hello /data/new; ls /'
  for (const name of ['one', 'two'])
    assert.match(
      await node.sh(name, script, { image }),
      /^from the image\nmine\nnew\nbin\ndata\ndev\netc\nhello\nhome\nlib(\nlib64)?\nproc\nsys\ntmp\nvar\n$/,
    )
  const pod = await node.client.get('Pod', 'one', 'default')
  const status = pod?.status?.containerStatuses?.[0]
  assert.deepEqual([status?.image, status?.imageID], [`docker.io/${image}`, world.store.find(image)?.id])
  for (const name of ['one', 'two']) await node.delete(name)
})
