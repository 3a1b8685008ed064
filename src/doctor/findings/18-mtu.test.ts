import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { LinkFact, MachineFacts, RouteEntry } from '../facts.ts'
import type { View } from '../types.ts'
import { check } from './18-mtu.ts'
import { link, machine, podFacts, view } from './testing.ts'

const way: RouteEntry = { to: 'default', kind: 'unicast', via: address('192.168.50.1'), device: 'eth0' }
const card = (last: number, mtu = 1500): LinkFact => link('eth0', { mtu, addresses: [`192.168.50.${last}/24`] })
const cable = (mtu = 1500): LinkFact => link('veth1', { mtu, bridge: 'cbr0', hairpin: true, pod: 'shop/web' })
const inside = (mtu: number): LinkFact => link('eth0', { mtu, addresses: ['100.96.1.2/24'] })
const node1 = (eth0: number, veth1: number, pod: number, more: Partial<MachineFacts> = {}): MachineFacts =>
  machine('node1', {
    links: [card(11, eth0), link('cbr0', { kind: 'bridge', mtu: veth1 }), cable(veth1)],
    routes: [way],
    pods: [podFacts('web', { links: [link('lo', { mtu: 65536 }), inside(pod)] })],
    ...more,
  })
const told = (...machines: MachineFacts[]): string[] =>
  check.find(view({ machines })).map(({ code, object, field }) => `${code} ${object.name} ${field}`)
const of = (...machines: MachineFacts[]): View => view({ machines })

test('one MTU everywhere is health, large or small', () => {
  for (const mtu of [1280, 1500, 9000])
    assert.deepEqual(told(node1(mtu, mtu, mtu), machine('router', { links: [card(1, mtu)] })), [])
  assert.deepEqual(told(node1(1500, 1500, 1400)), [], 'a pod that sends less')
  assert.deepEqual(told(node1(9000, 1500, 1500)), [], 'a way out that takes more')
})

test('a card that takes less than the others on its segment send is told', () => {
  const router = machine('router', { links: [card(1, 1400)] })
  assert.deepEqual(told(node1(1500, 1500, 1500), router), ['MtuDiffers router eth0: mtu'])
  const [found] = check.find(of(node1(1500, 1500, 1500), router))
  assert.equal(found?.object.kind, 'Router')
  assert.match(found?.say ?? '', /takes packets of up to 1400 bytes, others on 192\.168\.50\.0\/24 send up to 1500/)
  const elsewhere = machine('router', { links: [link('eth0', { mtu: 1400, addresses: ['10.9.9.1/24'] })] })
  assert.deepEqual(told(node1(1500, 1500, 1500), elsewhere), [], 'another segment')
  const down = machine('router', { links: [{ ...card(1, 1400), up: false }] })
  assert.deepEqual(told(node1(1500, 1500, 1500), down), [], 'a card that is down')
})

test('a cable whose node’s end takes less than its pod sends is told', () => {
  assert.deepEqual(told(node1(1500, 1400, 1500)), ['MtuDiffers node1 veth1: mtu'])
  assert.match(check.find(of(node1(1500, 1400, 1500)))[0]?.fix ?? '', /ip link set dev veth1 mtu 1500/)
})

test('a way out that takes less than pods send is a warning, unless their own route knows', () => {
  const [found, ...others] = check.find(of(node1(1400, 1500, 1500)))
  assert.deepEqual(others, [])
  assert.deepEqual([found?.code, found?.level, found?.sure], ['MtuTooBig', 'warning', 'likely'])
  assert.deepEqual(found?.also, [{ kind: 'Pod', namespace: 'shop', name: 'web' }])
  const knowing = podFacts('web', { links: [inside(1500)], routes: [{ ...way, mtu: 1400 }] })
  assert.deepEqual(told(node1(1400, 1500, 1500, { pods: [knowing] })), [])
  assert.deepEqual(told(node1(1400, 1500, 1500, { pods: [podFacts('web', { hostNetwork: true, links: [] })] })), [])
})

test('a tunnel has to leave room for its own headers', () => {
  const tunnel = (mtu: number): LinkFact[] => [
    card(11),
    cable(mtu),
    link('vxlan0', { kind: 'vxlan', mtu, addresses: ['100.96.1.0/32'] }),
  ]
  const pods = (mtu: number): MachineFacts['pods'] => [podFacts('web', { links: [inside(mtu)] })]
  assert.deepEqual(told(node1(1500, 1500, 1500, { links: tunnel(1450), pods: pods(1450) })), [])
  assert.deepEqual(told(node1(1500, 1500, 1500, { links: tunnel(1500), pods: pods(1500) })), [
    'MtuTooBig node1 vxlan0: mtu',
  ])
})
