import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cidr } from '../../src/base/address.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { deleteLink, setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { Node } from './cni-network-node.ts'

test('a cable that was cut but not yet deleted when the agent ended is gone once it is back', () => {
  using node = new Node()
  using a = createNetns()
  const first = node.open()
  first.add({ id: 'a', netns: a })
  first.del('a')
  assert.deepEqual(node.veths(), ['veth1'])
  const second = node.open()
  assert.deepEqual(node.veths(), [])
  assert.equal(second.add({ id: 'a', netns: a }).hostDevice, 'veth1')
  first.close()
  second.close()
})

test('an address that was freed rests, and the lowest free cable number is used again', async () => {
  using node = new Node()
  using pod = createNetns()
  using other = createNetns()
  const network = node.open(cidr('10.0.0.0/29'))
  const given: string[] = []
  for (let i = 0; i < 7; i++) {
    const { address, hostDevice } = network.add({ id: 'x', netns: pod })
    given.push(`${address} ${hostDevice}`)
    network.del('x')
    network.del('x')
  }
  assert.deepEqual(
    given.map((one) => one.split(' ')[0]),
    [2, 3, 4, 5, 6, 2, 3].map((end) => `10.0.0.${end}`),
  )
  await node.left('veth1', 'veth2', 'veth3')
  const pods = Array.from({ length: 5 }, createNetns)
  for (const netns of pods) network.add({ id: 'many', netns, ifname: `e${netns.fd}` })
  assert.throws(() => network.add({ id: 'y', netns: other }), {
    code: 'Exhausted',
    message: /no IP addresses available in 10\.0\.0\.0\/29/,
  })
  using inside = openRouteSocket(other)
  assert.deepEqual(
    inside.links().map((link) => link.name),
    ['lo'],
  )
  network.del('many')
  for (const netns of pods) netns.close()
  assert.deepEqual(node.leases(), [])
  network.close()
})

test('an attachment that fails half-way leaves neither address nor cable', () => {
  using node = new Node()
  using pod = createNetns()
  const network = node.open()
  network.add({ id: 'a', netns: pod })
  assert.throws(() => network.add({ id: 'a', netns: pod }), { code: 'AlreadyAttached' })
  assert.throws(() => network.add({ id: 'b', netns: pod }), { code: 'NameTaken' })
  // Its own link cannot be found, and is looked for when the cable is laid.
  using odd = createNetns()
  using inside = openRouteSocket(odd)
  inside.apply(setLink(inside.link('lo')?.index ?? assert.fail(), { name: 'odd' }))
  assert.throws(() => network.add({ id: 'b', netns: odd }), { code: 'ENODEV' })
  assert.throws(() => network.add({ id: '../b', netns: pod }), { code: 'BadId' })
  assert.throws(() => network.add({ id: 'b', netns: pod, ifname: 'a/b' }), { code: 'BadName' })
  assert.deepEqual(node.leases(), ['100.96.1.2'])
  assert.deepEqual(node.veths(), ['veth1'])
  network.close()
})

test('a pod whose namespace is gone is deleted, and only its own address is freed', () => {
  using node = new Node()
  using kept = createNetns()
  const network = node.open()
  const gone = createNetns()
  network.add({ id: 'gone', netns: gone })
  network.add({ id: 'kept', netns: kept })
  gone.close()
  network.del('gone')
  assert.deepEqual(
    network.list().map((one) => one.id),
    ['kept'],
  )
  assert.equal(network.get('gone'), undefined)
  assert.equal(network.get('kept')?.address, '100.96.1.3')
  network.close()
})

test('a restart finds its pods again, frees those of a rebooted machine, and repairs lost files', () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const first = node.open()
  const one = first.add({ id: 'a', netns: a })
  const two = first.add({ id: 'b', netns: b })
  first.close()

  const second = node.open()
  assert.deepEqual(
    second.list().toSorted((x, y) => x.id.localeCompare(y.id)),
    [one, two],
  )
  second.close()

  // b's cable is gone (as after a reboot); a's file is lost; a third one crashed between cable and note.
  node.socket.apply(deleteLink(two.hostDevice))
  rmSync(join(node.leaseDir, one.address))
  const half = { id: 'c', ifname: 'eth0', address: '100.96.1.9', hostDevice: 'veth7' }
  writeFileSync(join(node.leaseDir, half.address), JSON.stringify(half))
  writeFileSync(join(node.leaseDir, '.100.96.1.10.99999999'), 'torn')
  node.socket.apply(addLink({ kind: 'veth', name: 'veth7', peer: { name: 'p' } }))
  node.socket.apply(setLink('veth7', { master: node.socket.link('cbr0')?.index ?? 0 }))
  const third = node.open()
  assert.deepEqual(third.list(), [one])
  assert.deepEqual(node.leases(), ['100.96.1.2'])
  assert.deepEqual(node.veths(), ['veth1'])
  assert.equal(third.add({ id: 'b', netns: createNetns() }).address, '100.96.1.4')
  third.close()
})
