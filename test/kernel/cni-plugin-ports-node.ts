// A node whose ports lead to pods, without a plugin in between.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { cidr, type Cidr } from '../../src/base/address.ts'
import { type HostPort, openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { machineBeside } from './cni-plugin-ports-world.ts'

export const hostPorts = { family: 'ip', name: 'kubehop-hostports' } as const

export class Node implements Disposable {
  readonly ns: Netns = createNetns()
  readonly outside: Netns = machineBeside(this.ns)
  readonly stateDir: string = mkdtempSync(join(tmpdir(), 'cni-ports-'))
  open(podCidr: Cidr = cidr('100.96.1.0/24')): PodNetwork {
    return openPodNetwork({ podCidr, stateDir: this.stateDir, ns: this.ns, log: pino({ level: 'silent' }) })
  }
  hasTable(family: 'ip' | 'ip6' = 'ip'): boolean {
    using nftables = openNftables(this.ns)
    return nftables.read({ family, name: 'kubehop-hostports' }) !== undefined
  }
  [Symbol.dispose](): void {
    this.outside.close()
    this.ns.close()
    rmSync(this.stateDir, { recursive: true })
  }
}

export const web: HostPort = { hostPort: 8080, containerPort: 80, protocol: 'TCP' }
export const dns: HostPort = { hostPort: 5353, containerPort: 53, protocol: 'UDP' }
