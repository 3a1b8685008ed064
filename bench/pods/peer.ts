import { join } from 'node:path'
import { type Cidr, formatCidr } from '../../src/base/address.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { asProgram, type Plugin } from './program.ts'

/** The reference CNI plugins `bridge` and `host-local`, which it starts. */
export function openPeer(plugins: string, node: Netns, podCidr: Cidr, stateDir: string): Plugin {
  const config = {
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
  }
  return asProgram({ command: [join(plugins, 'bridge')], path: plugins, config, node })
}
