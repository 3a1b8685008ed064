import { formatCidr } from '../base/address.ts'
import type { Request } from '../kernel/rtnetlink/request.ts'
import { deleteRoute, formatRoute, replaceRoute, type Route } from '../kernel/rtnetlink/route.ts'
import type { PodRoute } from './model.ts'

/** rtm_protocol of every route that Kubehop makes, so that it touches no other (`ip route show proto 96`). Free in rt_protos. */
export const RTPROT_KUBEHOP = 96

export interface Change {
  readonly verb: 'set' | 'remove'
  /** Text for people: `100.96.2.0/24 via 192.168.50.12`. */
  readonly route: string
  /** Missing when a route is removed that no known node has. */
  readonly node?: string
  readonly request: Request
}

/** What must change so that, of our routes, the kernel has exactly the wanted ones. Removals come first: ranges may move. */
export function diffRoutes(has: readonly Route[], wanted: readonly PodRoute[]): Change[] {
  const want = new Map(wanted.map((route) => [formatCidr(route.to), route]))
  const right = new Set<string>()
  const removals: Change[] = []
  for (const route of has) {
    if (route.protocol !== RTPROT_KUBEHOP) continue
    const range = formatCidr(route.to)
    if (want.get(range)?.via === route.via && (route.kind ?? 'unicast') === 'unicast') right.add(range)
    // A wrong gateway is replaced in one step below: its packets are never without a route.
    else if (!want.has(range))
      removals.push({
        verb: 'remove',
        route: formatRoute({ to: route.to, ...(route.via && { via: route.via }) }),
        request: deleteRoute({ ...route, protocol: RTPROT_KUBEHOP }),
      })
  }
  const additions = wanted
    .filter((route) => !right.has(formatCidr(route.to)))
    .map(({ node, to, via }): Change => {
      const request = replaceRoute({ to, via, protocol: RTPROT_KUBEHOP })
      return { verb: 'set', route: formatRoute({ to, via }), node, request }
    })
  return [...removals, ...additions]
}
