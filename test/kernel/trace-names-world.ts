import { pino } from 'pino'
import { address } from '../../src/base/address.ts'
import { defaults } from '../../src/dns/config/config.ts'
import { startDns } from '../../src/dns/dns.ts'
import { bindUdp, listenTcp } from '../../src/kernel/socket.ts'
import { World } from './trace-world.ts'

/** A world with the cluster's name server in a pod, on node2, and names of all kinds that it knows. */
export async function namesWorld(): Promise<{ world: World; close: () => Promise<void> }> {
  const world = new World()
  world.pod('client', 'node1')
  world.pod('web-1', 'node2')
  world.pod('dns-1', 'node2', {}, 'kube-system')
  world.pod('old-dns', 'node2')
  world.pod('hung-dns', 'node2')
  world.pod('slow-dns', 'node2')
  world.service('web', '100.64.0.30', 80, 8080, ['web-1'])
  world.service('other', '100.64.0.31', 80, 8080, ['web-1'], {}, 'bank')
  world.service('pets', 'None', 8080, 8080, ['web-1'])
  world.service('alias', '', 80, 80, [], { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' })
  delete world.services.at(-1)?.spec.clusterIP
  const pet = world.slices.find(({ metadata }) => metadata.name === 'pets-1')?.endpoints[0]
  if (pet) pet.hostname = 'pet-0'
  world.service('kube-dns', '100.64.0.10', 53, 53, ['dns-1'], { ports: [{ port: 53, protocol: 'UDP' }] }, 'kube-system')
  world.teach()
  const ns = world.netns('dns-1', 'kube-system')
  const dns = await startDns({
    client: world.client,
    config: defaults,
    sockets: [{ udpFd: bindUdp(ns, address('0.0.0.0'), 53), tcpFd: listenTcp(ns, address('0.0.0.0'), 53) }],
    log: pino({ level: 'silent' }),
  })
  await Promise.all([dns.synced, world.web('web-1')])
  world.resolvConf =
    'nameserver 100.64.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n'
  return {
    world,
    close: async () => {
      await dns.close()
      await world[Symbol.asyncDispose]()
    },
  }
}
