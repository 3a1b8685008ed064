import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, cidr } from '../base/address.ts'
import type { Netns } from '../kernel/netns.ts'
import { mac } from '../kernel/rtnetlink/mac.ts'
import { type Cable, defaultRoute, inside, outside, pair } from './cable.ts'

const cable: Cable = {
  lease: { id: 'a', ifname: 'eth0', address: address('100.96.1.2'), hostDevice: 'veth1' },
  range: cidr('100.96.1.0/24'),
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
  [pair(of, {} as Netns), ...inside(of, 3), ...outside(of)].map((request) => request.op)

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

test('IPv6 is not spoken of where the kernel has none, and not kept quiet where the range is IPv6', () => {
  assert.ok(plan({ ...cable, ipv6: false }).every((op) => !op.includes('ipv6')))
  const range = cidr('fd00::/64')
  const six = { ...cable, range, routes: [defaultRoute(range, address('fd00::1'))] }
  const ops = plan({ ...six, lease: { ...cable.lease, address: address('fd00::2') } })
  assert.ok(ops.every((op) => !op.includes('ipv6')))
  assert.ok(ops.includes('add route ::/0 via fd00::1 on link 3'))
})
