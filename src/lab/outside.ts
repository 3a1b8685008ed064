import { type Address, address, type Cidr, cidr } from '../base/address.ts'
import { createNetns, type Netns } from '../kernel/netns.ts'
import { addAddress } from '../kernel/rtnetlink/address.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import { setLink } from '../kernel/rtnetlink/link.ts'
import { addRoute } from '../kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../kernel/sysctl.ts'

/** Addresses for documentation (RFC 5737, TEST-NET-2): nobody on the internet has them. */
const routerEnd = address('198.51.100.1')
const ownEnd = address('198.51.100.2')
/** A lab that uses them for something else has no machine outside. */
export const outsideCidr: Cidr = cidr('198.51.100.0/24')

/** A machine that is in no cluster: what clients elsewhere are. */
export interface Outside {
  readonly ns: Netns
  readonly address: Address
}

/**
 * Puts a machine beyond the router, in a namespace of its own with a cable of its own: `eth1` of the router, `eth0` there. It knows the
 * router and nothing else. It goes with its namespace, or with the router's.
 */
export function layOutside(router: Netns): Outside {
  const ns = createNetns()
  try {
    using here = openRouteSocket(router)
    using there = openRouteSocket(ns)
    here.apply(addLink({ kind: 'veth', name: 'eth1', up: true, peer: { name: 'eth0', ns } }))
    writeSysctl('net.ipv4.conf.eth1.send_redirects', '0', router)
    const ends = [
      { socket: here, name: 'eth1', address: routerEnd },
      { socket: there, name: 'eth0', address: ownEnd },
    ]
    for (const { socket, name, address: own } of ends) {
      const index = socket.link(name)?.index
      if (index === undefined) throw new Error(`the new cable has no end ${name}`)
      socket.apply(addAddress({ index, address: own, prefix: outsideCidr.prefix }), setLink(index, { up: true }))
    }
    there.apply(setLink('lo', { up: true }), addRoute({ to: cidr('0.0.0.0/0'), via: routerEnd }))
    // Otherwise the kernel takes the cable into use when it gets around to it.
    here.settle('eth1')
    there.settle('eth0')
    return { ns, address: ownEnd }
  } catch (error) {
    ns.close()
    throw error
  }
}
