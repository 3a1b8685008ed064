import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { cidr, type Cidr } from '../../src/base/address.ts'
import { openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { followNetwork } from '../../src/kernel/rtnetlink/follow.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'

const log = pino({ level: 'silent' })
export const range: Cidr = cidr('100.96.1.0/24')

/** A node's namespace with its state directory; both gone afterwards. */
export class Node implements Disposable {
  readonly ns: Netns = createNetns()
  readonly stateDir: string = mkdtempSync(join(tmpdir(), 'cni-'))
  readonly leaseDir: string = join(this.stateDir, '100.96.1.0-24')
  readonly socket: RouteSocket = openRouteSocket(this.ns)
  open(podCidr: Cidr = range): PodNetwork {
    return openPodNetwork({ podCidr, stateDir: this.stateDir, ns: this.ns, log })
  }
  veths(): string[] {
    return this.socket
      .links()
      .filter((link) => link.kind === 'veth')
      .map((link) => link.name)
  }
  /** Cut cables are deleted in the background: resolves with the names that are left once these are gone. */
  async left(...gone: string[]): Promise<string[]> {
    let stop: () => void = () => {}
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!this.veths().some((name) => gone.includes(name))) resolve()
      }
      stop = followNetwork({ ns: this.ns, kinds: ['link'], onNews: look, onLost: look })
      look()
    })
    stop()
    return this.veths()
  }
  leases(): string[] {
    return readdirSync(this.stateDir)
      .flatMap((range) => readdirSync(join(this.stateDir, range)))
      .filter((name) => name !== 'last')
      .toSorted()
  }
  [Symbol.dispose](): void {
    this.socket.close()
    this.ns.close()
    rmSync(this.stateDir, { recursive: true })
  }
}
