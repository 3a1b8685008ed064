import assert from 'node:assert/strict'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'
import { drop, firewall, matches, noFirewall } from './firewall.ts'
import type { World } from './trace-world.ts'

/** Something that is broken, and put right again. */
export type Fault = (world: World) => () => void

export const setting =
  (of: (world: World) => Netns, name: string, value: number): Fault =>
  (world) => {
    const ns = of(world)
    const before = readSysctl(name, ns)
    writeSysctl(name, value, ns)
    return () => writeSysctl(name, before, ns)
  }
export const node =
  (name: string) =>
  (world: World): Netns =>
    world.node(name)
export const router = (world: World): Netns => world.routerNetns

/** The node's end of a pod's cable. */
function cableOf(world: World, pod: string): number {
  using inside = openRouteSocket(world.netns(pod))
  return inside.link('eth0')?.peer?.index ?? assert.fail()
}

export const cable =
  (pod: string, broken: Parameters<typeof setLink>[1], whole: Parameters<typeof setLink>[1]): Fault =>
  (world) => {
    const index = cableOf(world, pod)
    using socket = openRouteSocket(world.node(pod === 'far' ? 'node2' : 'node1'))
    socket.apply(setLink(index, broken))
    return () => {
      using again = openRouteSocket(world.node(pod === 'far' ? 'node2' : 'node1'))
      again.apply(setLink(index, whole))
    }
  }

/** A rule of somebody else's that throws away what is for (16) or from (12) the far pod. */
export const forbidden =
  (at: string, offset: 12 | 16): Fault =>
  (world) => {
    using nft = openNftables(world.node(at))
    nft.apply(firewall({ exprs: [...matches(offset, world.addressOf('far')), drop] }))
    return () => {
      using again = openNftables(world.node(at))
      again.apply(noFirewall())
    }
  }

/** One card of a node takes less than the others on its segment. */
export const shortCard =
  (name: string): Fault =>
  (world) => {
    const set = (mtu: number): void => {
      using socket = openRouteSocket(world.node(name))
      socket.apply(setLink('eth0', { mtu }))
    }
    set(1300)
    return () => set(1500)
  }
