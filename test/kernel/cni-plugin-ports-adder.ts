// Connects one pod with all that it can have beside its cable. To be killed on the way.
//   node cni-plugin-ports-adder.ts STATE-DIR NETNS
import { pino } from 'pino'
import { cidr } from '../../src/base/address.ts'
import { openPodNetwork } from '../../src/cni/network.ts'
import { openNetns } from '../../src/kernel/netns.ts'

const [, , stateDir = '', path = ''] = process.argv
const network = openPodNetwork({ podCidr: cidr('100.96.1.0/24'), stateDir, log: pino({ level: 'silent' }) })
network.add({
  id: 'a',
  netns: openNetns(path),
  hostPorts: [{ hostPort: 8080, containerPort: 80, protocol: 'TCP' }],
  bandwidth: { egress: { rate: 1e9 } },
})
network.close()
