import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link } from '../kernel/rtnetlink/link.ts'
import { smallestMtu } from './mtu.ts'

function link(name: string, mtu: number, more: Partial<Link> = {}): Link {
  return {
    index: 1,
    name,
    kind: undefined,
    mac: undefined,
    mtu,
    up: true,
    running: true,
    promiscuous: false,
    master: undefined,
    peer: undefined,
    alias: undefined,
    port: undefined,
    vxlan: undefined,
    stats: undefined,
    ...more,
  }
}

test('the smallest link that is up and leads out of the node says how large packets of pods may be', () => {
  for (const [mtu, ...links] of [
    [1500],
    [1500, link('lo', 1280)],
    [1400, link('eth0', 1500), link('eth1', 1400)],
    [9000, link('lo', 65536), link('eth0', 9000)],
    [1500, link('eth0', 1500), link('eth1', 1400, { up: false })],
    // The bridge, and what is plugged into it or made by us, follow; they do not lead.
    [9000, link('eth0', 9000), link('cbr0', 1400, { kind: 'bridge' })],
    [9000, link('eth0', 9000), link('veth7', 1400, { kind: 'veth' })],
    [9000, link('eth0', 9000), link('vethabc', 1400, { kind: 'veth', master: 5 })],
    [9000, link('eth0', 9000), link('ifb-7', 1400, { kind: 'ifb' })],
    // Somebody else's bridge is a way out; so is a veth that is on none.
    [1400, link('eth0', 9000), link('br1', 1400, { kind: 'bridge' })],
    [1400, link('eth0', 9000), link('up0', 1400, { kind: 'veth' })],
  ] as const)
    assert.equal(smallestMtu(links, 'cbr0'), mtu, links.map(({ name, mtu }) => `${name} ${mtu}`).join(', '))
})
