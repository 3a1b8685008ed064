import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { View } from '../types.ts'
import { check as hairpin } from './12-hairpin.ts'
import { check as settings } from './19-settings.ts'
import { link, machine, pod, podFacts, service, slice, view } from './testing.ts'

const eth0 = link('eth0')
const cbr0 = link('cbr0', { kind: 'bridge' })
const cable = (hairpinOn: boolean, name = 'veth1', of = 'shop/web'): ReturnType<typeof link> =>
  link(name, { bridge: 'cbr0', hairpin: hairpinOn, forwarding: true, ...(of !== '' && { pod: of }) })
const on = { 'net.ipv4.ip_forward': '1', 'net.bridge.bridge-nf-call-iptables': '1' }
const node1 = (hairpinOn: boolean, sysctls: Record<string, string> = on, more: Parameters<typeof view>[0] = {}): View =>
  view({ machines: [machine('node1', { links: [eth0, cbr0, cable(hairpinOn)], sysctls })], ...more })
const told = (of: View): string[] =>
  [...hairpin.find(of), ...settings.find(of)].map(({ code, field }) => `${code} ${field}`)

test('a port of a bridge that sends nothing back is told for the pod behind it, and for the services that lead to it', () => {
  const [found, ...others] = hairpin.find(node1(false))
  assert.deepEqual(others, [])
  assert.equal(found?.code, 'HairpinOff')
  assert.deepEqual(found.object, { kind: 'Node', name: 'node1' })
  assert.deepEqual(
    found.also?.map(({ kind, name }) => `${kind} ${name}`),
    ['Pod web', 'Service web'],
  )
  assert.match(found.say, /^pod shop\/web cannot reach itself through service shop\/web: .*\(always\)$/)
  assert.match(found.fix, /bridge link set dev veth1 hairpin on/)
})

test('beside other endpoints it fails only now and then', () => {
  const other = pod('web-2', { ip: '100.96.2.3', metadata: { labels: { app: 'web' } } })
  const more = { cluster: { pods: [pod('web'), other], slices: [slice('web', ['100.96.1.2', '100.96.2.3'])] } }
  assert.match(hairpin.find(node1(false, on, more))[0]?.say ?? '', /each time the pod itself is chosen/)
})

test('hairpin is no matter where nobody can meet it', () => {
  const alone = { cluster: { services: [], slices: [] } }
  const unready = {
    cluster: {
      slices: [slice('web', [], { endpoints: [{ addresses: ['100.96.1.2'], conditions: { ready: false } }] })],
    },
  }
  const rows: [string, View][] = [
    ['it is on', node1(true)],
    ['no service leads to the pod', node1(false, on, alone)],
    ['the pod is not ready', node1(false, on, unready)],
    [
      'a port that is no pod’s',
      view({ machines: [machine('node1', { links: [eth0, cbr0, cable(false, 'tap0', '')] })] }),
    ],
    ['frames do not meet the rules', node1(false, { ...on, 'net.bridge.bridge-nf-call-iptables': '0' })],
    ['no agent was asked', view({ machines: [] })],
  ]
  for (const [title, of] of rows) assert.deepEqual(hairpin.find(of), [], title)
})

test('settings without which packets do not pass are told by their names', () => {
  const off = (name: string): Record<string, string> => ({ ...on, [name]: '0' })
  const missing = { 'net.ipv4.ip_forward': '1' }
  const rows: [string, View, string[]][] = [
    ['health', view(), []],
    ['ip_forward of a node', node1(true, off('net.ipv4.ip_forward')), ['ForwardingOff net.ipv4.ip_forward']],
    [
      'ip_forward of the router',
      view({ machines: [machine('router', { sysctls: { 'net.ipv4.ip_forward': '0' } })] }),
      ['ForwardingOff net.ipv4.ip_forward'],
    ],
    ['of one card', node1(true, off('net.ipv4.conf.cbr0.forwarding')), ['ForwardingOff net.ipv4.conf.cbr0.forwarding']],
    ['of a card that nobody forwards by', node1(true, off('net.ipv4.conf.dummy0.forwarding')), []],
    ['a router needs no bridge', view({ machines: [machine('router', { sysctls: missing })] }), []],
    [
      'bridge-nf-call-iptables',
      node1(true, off('net.bridge.bridge-nf-call-iptables')),
      ['BridgeSkipsRules net.bridge.bridge-nf-call-iptables'],
    ],
    ['no br_netfilter', node1(true, missing), ['BridgeSkipsRules net.bridge.bridge-nf-call-iptables']],
    [
      'no br_netfilter, and no pods',
      view({ machines: [machine('node1', { links: [eth0, cbr0], sysctls: missing })] }),
      [],
    ],
  ]
  for (const [title, of, expected] of rows) assert.deepEqual(told(of), expected, title)
  assert.match(settings.find(node1(true, missing))[0]?.fix ?? '', /^modprobe br_netfilter, then on node1: sysctl -w/)
})

test('a connection table with no place left is told', () => {
  const full = (count: number, max: number): View =>
    view({ machines: [machine('node2', { connections: { count, max, groups: [], truncated: false } })] })
  assert.deepEqual(told(full(262_144, 262_144)), ['ConnectionTableFull net.netfilter.nf_conntrack_max'])
  assert.deepEqual([told(full(1000, 262_144)), told(full(0, 0))], [[], []])
})

test('services that have nothing in common with the pod are not named', () => {
  const more = { cluster: { services: [service('web'), service('other', { clusterIP: '100.64.0.6' })] } }
  assert.doesNotMatch(JSON.stringify(hairpin.find(node1(false, on, more))), /other/)
})

test('a pod’s facts alone make no finding', () => {
  assert.deepEqual(told(view({ machines: [machine('node1', { links: [], pods: [podFacts('web')] })] })), [])
})
