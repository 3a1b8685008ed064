import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { heldBy } from '../../src/cni/plugin/leases.ts'
import { type Answer, callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { PluginNode } from './cni-plugin-world.ts'
import { killBefore, strace } from './strace.ts'

/** Small ones, so that they are often full; the second has two families, and two ranges in one set; the last another plugin's addresses. */
export const networks: readonly { name: string; bridge: string; ranges?: object[][] }[] = [
  { name: 'one', bridge: 'br1', ranges: [[{ subnet: '10.1.0.0/29' }]] },
  {
    name: 'two',
    bridge: 'br2',
    ranges: [[{ subnet: '10.2.0.0/30' }, { subnet: '10.2.1.0/30' }], [{ subnet: 'fd02::/125' }]],
  },
  { name: 'theirs', bridge: 'br3' },
]

/** A plugin that gives 10.3.0.2 to 10.3.0.5, has no GC, and remembers in the folder `given` whom it gave what. */
const other = (given: string): string => `#!/bin/sh
owner="$CNI_CONTAINERID $CNI_IFNAME"
case $CNI_COMMAND in
  ADD)
    for i in 2 3 4 5; do
      [ ! -e ${given}/10.3.0.$i ] || continue
      echo "$owner" > ${given}/10.3.0.$i
      echo '{"ips":[{"address":"10.3.0.'$i'/24"}]}'
      exit
    done
    echo '{"code":117,"msg":"there are no more"}'
    exit 1;;
  DEL)
    for file in ${given}/*; do
      [ "$(cat $file 2>&1)" != "$owner" ] || rm $file
    done;;
esac
`

export interface Owner {
  network: number
  container: number
  ifname: string
}
/** A node, its pods, and what a runtime that does all as it should knows of them. */
export class Machine extends PluginNode {
  readonly pods: (Netns | undefined)[] = Array.from({ length: 8 }, () => createNetns())
  /** Attachments by owner: the addresses that ADD answered. Of pods that ended, too, until DEL. */
  readonly attached: Map<string, readonly string[]> = new Map()

  /** What was killed under way, and not yet cleaned up. */
  readonly unsure: Set<string> = new Set()

  readonly given: string = join(this.dataDir, 'given')
  readonly plugins: string = join(this.dataDir, 'plugins')

  constructor() {
    super()
    for (const folder of [this.given, this.plugins]) mkdirSync(folder)
    writeFileSync(join(this.plugins, 'other'), other(this.given), { mode: 0o755 })
  }

  #env(command: string, { container, ifname }: Owner): NodeJS.ProcessEnv {
    const pod = this.pods[container]
    return {
      PATH: process.env['PATH'],
      CNI_COMMAND: command,
      CNI_CONTAINERID: `c${container}`,
      CNI_NETNS: pod === undefined ? '/gone' : `/proc/${process.pid}/fd/${pod.fd}`,
      CNI_IFNAME: ifname,
      CNI_PATH: this.plugins,
    }
  }

  #stdin(network: number, more: object = {}): string {
    const { name, bridge, ranges } = networks[network] ?? assert.fail()
    const ipam = ranges === undefined ? { type: 'other' } : { ranges }
    return JSON.stringify(
      this.config({ name, bridge, isDefaultGateway: false, isGateway: true, ipMasq: true, ipam, ...more }),
    )
  }

  ask(command: string, of: Owner, more: object = {}): Answer {
    return inNetns(this.ns, () => callPlugin(this.#env(command, of), () => this.#stdin(of.network, more)))
  }

  crash(command: string, call: string, nth: number, of: Owner): void {
    inNetns(this.ns, () =>
      spawnSync(...strace(...killBefore(call, nth), process.execPath, 'src/cli/cni-main.ts'), {
        env: this.#env(command, of),
        input: this.#stdin(of.network),
      }),
    )
  }

  /** `c1 eth0 10.1.0.2` for all that is given of one network, by whoever gives its addresses. */
  written(network: number): string[] {
    const { name, ranges } = networks[network] ?? assert.fail()
    if (ranges === undefined)
      return readdirSync(this.given).map((file) => `${readFileSync(join(this.given, file), 'utf8').trim()} ${file}`)
    return heldBy(this.dataDir, name).map(({ lease }) => `${lease.id} ${lease.ifname} ${lease.address}`)
  }

  /** All of one network that the runtime knows of. */
  known(network: number): Owner[] {
    return [...this.attached.keys()].map(ownerOf).filter((one) => one.network === network)
  }

  /** What pods that live have on their interfaces, of the networks' ranges. */
  inPods(): string[] {
    return this.pods.flatMap((pod) => {
      if (pod === undefined) return []
      using socket = openRouteSocket(pod)
      return socket.addresses().flatMap((one) => (/^(10\.|fd)/.test(one.address) ? [String(one.address)] : []))
    })
  }

  override [Symbol.dispose](): void {
    for (const pod of this.pods) pod?.close()
    super[Symbol.dispose]()
  }
}

export const keyOf = ({ network, container, ifname }: Owner): string => `${network} ${container} ${ifname}`

export function ownerOf(key: string): Owner {
  const [network, container, ifname = ''] = key.split(' ')
  return { network: Number(network), container: Number(container), ifname }
}
