import { NETLINK_NETFILTER, NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { NFT_MSG, nftType, readHeader, writeHeader } from '../../src/kernel/nftables/message.ts'
import { World } from './trace-world.ts'

/** The smallest world in which a request goes from node to node: `client`, and `far` with a web server behind service `far-svc`, 100.64.0.21:80. */
export async function pair(more: (world: World) => void = () => {}): Promise<World> {
  const world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2')
  world.service('far-svc', '100.64.0.21', 80, 8080, ['far'])
  more(world)
  world.teach()
  await world.web('far')
  return world
}

/** Names of all nftables tables of a namespace. */
export function tablesOf(ns: Netns): string[] {
  using socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns })
  return socket.dump(
    'list tables',
    nftType(NFT_MSG.GETTABLE),
    (w) => writeHeader(w, 'any'),
    (message) => readHeader(message).attributes.string(1),
  )
}
