import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Cidr, formatCidr } from '../../src/base/address.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'

/** The reference CNI plugins `bridge` and `host-local`, called as a container runtime calls them: one program per ADD or DEL. */
export interface Peer {
  add(id: string, netnsPath: string): Promise<void>
  del(id: string, netnsPath: string): Promise<void>
}

export function openPeer(plugins: string, node: Netns, podCidr: Cidr, stateDir: string): Peer {
  const config = JSON.stringify({
    cniVersion: '1.0.0',
    name: 'peer',
    type: 'bridge',
    bridge: 'cbr0',
    isGateway: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: formatCidr(podCidr) }]],
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: stateDir,
    },
  })
  const call = (command: string, id: string, netnsPath: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const env = {
        CNI_COMMAND: command,
        CNI_CONTAINERID: id,
        CNI_NETNS: netnsPath,
        CNI_IFNAME: 'eth0',
        CNI_PATH: plugins,
      }
      const child = inNetns(node, () => spawn(join(plugins, 'bridge'), [], { env, stdio: ['pipe', 'pipe', 'inherit'] }))
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
      child.once('error', reject)
      child.once('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`the peer's ${command} ended with ${code}: ${said}`)),
      )
      child.stdin.end(config)
    })
  return {
    add: (id, netnsPath) => call('ADD', id, netnsPath),
    del: (id, netnsPath) => call('DEL', id, netnsPath),
  }
}
