import { type Address, cidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { createNetns, type Netns } from '../kernel/netns.ts'
import { addAddress } from '../kernel/rtnetlink/address.ts'
import { addLink, type LinkSpec } from '../kernel/rtnetlink/linkdata.ts'
import { setLink } from '../kernel/rtnetlink/link.ts'
import { addRoute } from '../kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { hasSysctl, writeSysctl } from '../kernel/sysctl.ts'
import { controlAddress, nodeAddress, routerAddress, type Settings } from './settings.ts'

/** The network between machines: this process's own namespace is the wire; the router and each node have one. */
export interface Wire {
  router: Netns
  nodes: { name: string; address: Address; ns: Netns }[]
}

const wireBridge = 'wire'
const everywhere = cidr('0.0.0.0/0')

export const nodeName = (index: number): string => `node${index}`

/**
 * Lays the wire in the current network namespace: a bridge that holds the control plane's address, and a cable from it to the router and to
 * each node. The router forwards; nodes send what they do not know to it. Which node has which pods is not its business: see src/routes.
 */
export function layWire(settings: Settings): Wire {
  const prefix = settings.nodeCidr.prefix
  using here = openRouteSocket()
  const bridge = device(here, { kind: 'bridge', name: wireBridge })
  here.apply(
    setLink('lo', { up: true }),
    addAddress({ index: bridge, address: controlAddress(settings), prefix }),
    setLink(bridge, { up: true }),
    addRoute({ to: everywhere, via: routerAddress(settings) }),
  )

  const cable = (name: string): Netns => {
    const ns = createNetns()
    device(here, { kind: 'veth', name, master: bridge, up: true, peer: { name: 'eth0', ns } })
    return ns
  }

  const router = cable('router')
  plug(router, routerAddress(settings), prefix)
  writeSysctl('net.ipv4.ip_forward', '1', router)
  // It sends packets back out of the card they came in by, because every node is on one wire. Redirects would teach nodes to go past it.
  for (const scope of ['all', 'default', 'eth0']) writeSysctl(`net.ipv4.conf.${scope}.send_redirects`, '0', router)
  // By default it says "no way there" only once a second to each asker, and is silent in between: here every question has an answer.
  writeSysctl('net.ipv4.icmp_ratelimit', '0', router)

  const nodes = Array.from({ length: settings.nodes }, (_, at) => {
    const name = nodeName(at + 1)
    const address = nodeAddress(settings, at + 1)
    const ns = cable(name)
    plug(ns, address, prefix, routerAddress(settings))
    count(ns)
    return { name, address, ns }
  })
  // Otherwise the kernel enables the bridge's ports when it gets around to it, and the first packets are lost.
  for (const name of ['router', ...nodes.map((node) => node.name)]) here.settle(name)
  return { router, nodes }
}

/** Inside a machine's namespace: its card gets the address; what is not on the wire goes to the gateway. */
function plug(ns: Netns, address: Address, prefix: number, gateway?: Address): void {
  using there = openRouteSocket(ns)
  const index = there.link('eth0')?.index
  if (index === undefined) throw new Error('the new cable has no other end')
  there.apply(setLink('lo', { up: true }), addAddress({ index, address, prefix }), setLink(index, { up: true }))
  if (gateway) there.apply(addRoute({ to: everywhere, via: gateway }))
  there.settle('eth0')
}

/** Lets the kernel say how much goes over each connection, and since when: the doctor tells by it which pod has all the work. */
function count(ns: Netns): void {
  for (const name of ['net.netfilter.nf_conntrack_acct', 'net.netfilter.nf_conntrack_timestamp'])
    try {
      if (hasSysctl(name, ns)) writeSysctl(name, 1, ns)
    } catch (error) {
      // Where it is kept for this machine's own root, nothing is counted, and nothing else is different.
      if (!(error instanceof KubehopError)) throw error
    }
}

/** The new link's index. */
function device(socket: RouteSocket, spec: LinkSpec): number {
  socket.apply(addLink(spec))
  const index = socket.link(spec.name)?.index
  if (index === undefined) throw new Error(`link ${spec.name} was made and is not there`)
  return index
}
