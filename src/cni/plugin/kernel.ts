import { messageOf } from '../../base/errors.ts'
import { inNetns, type Netns, openNetns, ownNetns, sameNetns } from '../../kernel/netns.ts'
import type { Link } from '../../kernel/rtnetlink/link.ts'
import type { RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { hasSysctl } from '../../kernel/sysctl.ts'
import { ensureBridge } from '../bridge.ts'
import { smallestMtu } from '../mtu.ts'
import { CniError } from './error.ts'
import type { Network } from './network.ts'

/** The pod's network namespace. */
export function podNetns(path: string): Netns {
  let found: Netns
  try {
    found = openNetns(path)
  } catch (cause) {
    throw new CniError('unknownContainer', `cannot open CNI_NETNS: ${messageOf(cause)}`, '', { cause })
  }
  try {
    inNetns(found, () => {})
  } catch (cause) {
    found.close()
    throw new CniError('badEnvironment', `CNI_NETNS ${path} is no network namespace: ${messageOf(cause)}`, '', {
      cause,
    })
  }
  if (!sameNetns(ownNetns, found)) return found
  found.close()
  throw new CniError('badEnvironment', `CNI_NETNS ${path} is the node's own network namespace`)
}

/** The network's bridge as a link, and what its cables need to know. */
export function openBridge(socket: RouteSocket, network: Network): { bridge: Link; mtu: number; ipv6: boolean } {
  const { bridge: name, gateways, isGateway, forceAddress } = network
  const mtu = network.mtu ?? smallestMtu(socket.briefLinks(), name)
  const ipv6 = hasSysctl('net.ipv6.conf.all.forwarding')
  const bridge = ensureBridge({
    socket,
    name,
    gateways,
    hasGateway: isGateway,
    forceAddress,
    mtu,
    ns: undefined,
    ipv6,
  })
  return { bridge, mtu, ipv6 }
}
