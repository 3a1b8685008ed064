import { nodeOfRange, ownerOf } from '../cluster/cluster.ts'
import { type For, leftAlone, sayFromItself } from '../cluster/left-alone.ts'
import { nameOf } from '../cluster/names.ts'
import type { Sighting } from '../flow/flow.ts'
import type { Facts, RouteFact } from '../observation.ts'
import type { Because, Hop } from '../types.ts'
import { forItself } from './arrival.ts'
import { sayOnward, sayStranger } from '../predict/say.ts'
import { refusingLine } from './refusing-line.ts'
import { type Direction, hopAt, ipOf, isStranger, portOf, type Story, type Visit } from './story.ts'

/** The node sends on to another machine, or keeps what is for itself. */
export function routed(
  story: Story,
  one: Sighting,
  facts: Facts | undefined,
  next: Visit | undefined,
  direction: Direction,
): Hop {
  const { source, destination } = ipOf(one)
  const route = facts?.routes.find(({ to }) => to === destination)
  const because: Because = { kind: 'route', text: routeText(destination, route) }
  if (one.direction === 'in') {
    if (route?.kind === 'local') return forItself(story, one, facts, 'route', direction)
    const mine = facts?.addresses.includes(source) ?? false
    const say = mine
      ? sayFromItself(one.place.name, source)
      : facts && route?.entry === undefined
        ? `no way to ${destination} from here`
        : (refusingLine(story, one.place, destination)?.say ?? `came in for ${destination}, and did not go on`)
    const told = { component: 'route', action: next ? 'forwarded' : 'dropped', say } as const
    return hopAt(story, one, { ...told, ...(facts && { because }) })
  }
  const left =
    direction === 'there' && one.place.kind === 'node' ? leftAlone(story.cluster, story.ranges, forWhat(one)) : ''
  return hopAt(story, one, {
    component: 'route',
    action: 'forwarded',
    // Of a machine that ended meanwhile nobody knows the table.
    say: facts ? `${left}${sayWay(story, one, route)}` : `sent on by ${one.device}`,
    ...(facts && { because }),
  })
}

function forWhat(one: Sighting): For {
  const ip = ipOf(one)
  return { to: ip.destination, port: portOf(ip) ?? 0, protocol: ip.transport?.kind ?? '' }
}

function sayWay(story: Story, one: Sighting, route: RouteFact | undefined): string {
  const { destination } = ipOf(one)
  const mine = story.cluster.nodes.find(({ metadata }) => metadata.name === one.place.node)?.spec?.podCIDR
  const gateway = route?.via === undefined ? undefined : ownerOf(story.cluster, route.via)
  const range = nodeOfRange(story.cluster, destination)
  const isPod = range !== undefined
  if (route?.via === undefined && isStranger(story, destination))
    return `${destination} is a machine on the same wire: straight to it; ${sayStranger(destination)}`
  if (route?.via === undefined)
    return `${destination} is ${nameOf(story, destination) ?? 'a machine'} on the same wire: straight to it`
  if (gateway?.kind === 'node' && isPod)
    return `${range.range} belongs to ${range.node.metadata.name}: straight to it (${route.via})`
  const to =
    gateway?.kind === 'router' || one.place.kind === 'outside' ? 'the router' : (nameOf(story, route.via) ?? route.via)
  return sayOnward(destination, isPod ? mine : undefined, to)
}

function routeText(destination: string, route: RouteFact | undefined): string {
  if (route?.entry === undefined) return `no route to ${destination}`
  return [
    route.kind !== 'unicast' && route.kind,
    route.entry,
    route.via && `via ${route.via}`,
    route.device && `dev ${route.device}`,
  ]
    .filter(Boolean)
    .join(' ')
}
