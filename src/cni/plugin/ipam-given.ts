import { type Address, type Cidr, cidr, family, nth, rangeAround } from '../../base/address.ts'
import type { Gateway } from '../bridge.ts'
import { defaultRoute } from '../cable.ts'
import type { Fields } from './input.ts'
import { type PodRoute, through } from './ipam-route.ts'

/** One address that a pod is given. */
export interface GivenIp {
  readonly address: Address
  /** Length of its range. */
  readonly prefix: number
  readonly gateway?: Address
}

/** What a pod is given by whoever gives the network's addresses. */
export interface Given {
  readonly ips: readonly GivenIp[]
  readonly routes: readonly PodRoute[]
  readonly dns: Fields
}

/**
 * With what the network adds. A node that is the gateway has the first address of a range that names none; a route without a gateway leads
 * through that of its family's first address; `isDefaultGateway` adds the default route of each family that has none.
 */
export function completed(given: Given, how: { isGateway: boolean; isDefaultGateway: boolean }): Given {
  const ips = given.ips.map((ip) =>
    ip.gateway === undefined && how.isGateway ? { ...ip, gateway: nth(subnetOf(ip), 1) } : ip,
  )
  const gateways = new Map<4 | 6, Address>()
  for (const { address, gateway } of ips) {
    const of = family(address)
    if (gateway !== undefined && !gateways.has(of)) gateways.set(of, gateway)
  }
  const routes = given.routes.map((route) => through(route, gateways.get(route.to.family)))
  if (how.isDefaultGateway)
    for (const [of, gateway] of gateways)
      if (!routes.some(({ to }) => to.family === of && to.prefix === 0))
        routes.push(defaultRoute(cidr(of === 4 ? '0.0.0.0/0' : '::/0'), gateway))
  return { ips, routes, dns: given.dns }
}

export function subnetOf({ address, prefix }: GivenIp): Cidr {
  return rangeAround(address, prefix)
}

/** Each once, with the length of its range. */
export function gatewaysOf(ips: readonly GivenIp[]): Gateway[] {
  const found = ips.flatMap(({ gateway, prefix }) =>
    gateway === undefined ? [] : [[`${gateway}/${prefix}`, { address: gateway, prefix }] as const],
  )
  return [...new Map(found).values()]
}
