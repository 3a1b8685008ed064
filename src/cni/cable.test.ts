import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, cidr } from '../base/address.ts'
import type { Netns } from '../kernel/netns.ts'
import { mac } from '../kernel/rtnetlink/mac.ts'
import { type Cable, defaultRoute, inside, noted, outside, pair } from './cable.ts'
import { macOf, macOfAll } from './names.ts'

const cable: Cable = {
  id: 'a',
  ifname: 'eth0',
  hostDevice: 'veth1',
  addresses: [{ address: address('100.96.1.2'), prefix: 24 }],
  mtu: 1500,
  bridge: 2,
  bridgeName: 'cbr0',
  mac: mac('0a:58:64:60:01:02'),
  hairpin: true,
  routes: [defaultRoute(cidr('100.96.1.0/24'), address('100.96.1.1'))],
  note: 'pod a eth0 100.96.1.2',
  ipv6: true,
}
const plan = (of: Cable): string[] =>
  [pair(of, {} as Netns), ...inside(of, 3), ...outside(of), noted(of)].map((request) => request.op)

test('a cable is laid in this order: the pair, the pod’s end, the node’s end, and the note at the very last', () => {
  assert.deepEqual(plan(cable), [
    'add veth veth1',
    'set up of link lo',
    'set ipv6LinkLocal of link 3',
    'set up of link 3',
    'add address 100.96.1.2/24 to link 3',
    'add route 0.0.0.0/0 via 100.96.1.1 on link 3',
    'set ipv6LinkLocal of link veth1',
    'set up, port of link veth1',
    'set alias of link veth1',
  ])
})

test('IPv6 is not spoken of where the kernel has none', () => {
  assert.ok(plan({ ...cable, ipv6: false }).every((op) => !op.includes('ipv6')))
})

test('a pod of two IP families has both addresses, and the link-local one that follows from its Ethernet address', () => {
  const range = cidr('fd00::/64')
  const ops = plan({
    ...cable,
    addresses: [...cable.addresses, { address: address('fd00::2'), prefix: 64 }],
    routes: [...cable.routes, defaultRoute(range, address('fd00::1'))],
  })
  assert.deepEqual(ops.slice(4, 9), [
    'add address 100.96.1.2/24 to link 3',
    'add address fd00::2/64 to link 3',
    'add address fe80::858:64ff:fe60:102/64 to link 3',
    'add route 0.0.0.0/0 via 100.96.1.1 on link 3',
    'add route ::/0 via fd00::1 on link 3',
  ])
})

test('Ethernet addresses: of IPv4 wherever it stands; in one IPv6 range all differ, and alike ones of two ranges too', () => {
  const of = (...texts: string[]): string => macOfAll(texts.map(address))
  assert.equal(of('fd00::2', '100.96.1.2'), '0a:58:64:60:01:02')
  assert.equal(of('fd00::2'), macOf(address('fd00::2')))
  assert.match(of('fd00::2'), /^0a:58:/)
  assert.equal(new Set(Array.from({ length: 2000 }, (_, i) => of(`fd00::${i.toString(16)}`))).size, 2000)
  assert.notEqual(of('fd00:1::2'), of('fd00:2::2'))
})
