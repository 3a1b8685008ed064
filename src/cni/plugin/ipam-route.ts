import { type Address, type Cidr, family, formatCidr, parseAddress, parseCidr } from '../../base/address.ts'
import type { Route } from '../../kernel/rtnetlink/route.ts'
import { nothingElse, number, objectOf, text, wrong } from './fields.ts'
import type { Fields } from './input.ts'

/** A route of a pod as a configuration or a result has it; `via` is missing where it is the range's gateway. */
export type PodRoute = Omit<Route, 'index'>

const RT_SCOPE_LINK = 253
const RT_SCOPE_HOST = 254

/** `dst`, and what of CNI 1.1.0's fields it has. */
export function readRoute(value: unknown, where: string): PodRoute {
  const route = objectOf(value, where)
  nothingElse(route, ['dst', 'gw', 'mtu', 'advmss', 'priority', 'table', 'scope'], `${where}.`)
  const said = text(route, 'dst', `${where}.dst`)
  const to = parseCidr(said ?? '')
  if (to === undefined) throw wrong(`${where}.dst`, said, 'a range, its host bits zero')
  const via = gatewayOf(route, where, to)
  const u32 = 0xffffffff
  const bound = { mtu: [0, 65535], advmss: [0, 65535], priority: [0, u32], table: [0, u32], scope: [0, 255] } as const
  const numbers = (Object.keys(bound) as (keyof typeof bound)[]).flatMap((key) => {
    const [min, max] = bound[key]
    const found = number(route, key, { min, max }, `${where}.${key}`)
    // 0 is "not said", as in the reference implementation, but for a scope, where it is "anywhere".
    return found === undefined || (found === 0 && key !== 'scope') ? [] : [[key, found] as const]
  })
  const read: PodRoute = { to, ...(via !== undefined && { via }), ...Object.fromEntries(numbers) }
  if (via !== undefined && isNear(read))
    throw wrong(`${where}.scope`, read.scope, `that of a route through a gateway: leave out gw or scope`)
  return read
}

/** Through the pod's gateway, unless it says otherwise. */
export function through(route: PodRoute, gateway: Address | undefined): PodRoute {
  return route.via !== undefined || gateway === undefined || isNear(route) ? route : { ...route, via: gateway }
}

/** In the shape of CNI 1.1.0. */
export function writeRoute({ to, via, mtu, advmss, priority, table, scope }: PodRoute): Fields {
  const said = { dst: formatCidr(to), gw: via, mtu, advmss, priority, table, scope }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

function isNear({ scope }: PodRoute): boolean {
  return scope === RT_SCOPE_LINK || scope === RT_SCOPE_HOST
}

function gatewayOf(route: Fields, where: string, to: Cidr): Address | undefined {
  const said = text(route, 'gw', `${where}.gw`)
  if (said === undefined) return undefined
  const via = parseAddress(said)
  if (via !== undefined && family(via) === to.family) return via
  throw wrong(`${where}.gw`, said, `an IPv${to.family} address`)
}
