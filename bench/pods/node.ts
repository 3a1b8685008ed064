import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { cidr } from '../../src/base/address.ts'
import { openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { openOurs, type OurPlugin } from './ours.ts'
import { openPeer } from './peer.ts'
import type { Plugin } from './program.ts'

/** Two nodes with nothing on them but what each contestant lays itself. A /22 has room for the rounds of one run. */
export const podCidr: ReturnType<typeof cidr> = cidr('100.96.4.0/22')
const quiet = pino({ level: 'silent' })

export function ourNode(): { network: PodNetwork; settled: () => Promise<void> } {
  const ns = createNetns()
  const socket = openRouteSocket(ns)
  return {
    network: openPodNetwork({ podCidr, stateDir: scratch(), ns, mtu: 1500, log: quiet }),
    settled: settledOn(socket),
  }
}

export function peerNode(plugins: string): Plugin {
  return openPeer(plugins, createNetns(), podCidr, scratch())
}

export async function ourProgramNode(): Promise<{ plugin: OurPlugin; settled: () => Promise<void> }> {
  const ns = createNetns()
  return { plugin: await openOurs(ns, podCidr, scratch()), settled: settledOn(openRouteSocket(ns)) }
}

/** The kernel takes deleted cables away later: nobody else's clock shall pay for that. */
function settledOn(socket: RouteSocket): () => Promise<void> {
  return async () => {
    while (socket.links().some((link) => link.kind === 'veth')) await pause(5)
  }
}

/** Both must end in the same state, or the times mean nothing. */
export function checkPod(netns: Netns): void {
  using inside = openRouteSocket(netns)
  const eth0 = inside.link('eth0')
  const ready =
    eth0?.up === true &&
    inside.addresses(eth0.index).some((each) => each.prefix === podCidr.prefix) &&
    inside.routes({ family: 4 }).some((route) => route.to.prefix === 0 && route.via !== undefined)
  if (!ready) throw new Error('a pod came out without its address or its default route')
}

const made: string[] = []

/** In memory, as /run is on a node: what a disk makes of a small file is not measured. */
function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
  mountTmpfs(folder, 'size=64m,mode=700')
  made.push(folder)
  return folder
}

export function removeScratch(): void {
  for (const folder of made.splice(0)) {
    unmount(folder)
    rmdirSync(folder)
  }
}
