import { nodeOfRange, ownerOf } from '../cluster/cluster.ts'
import { nameOf } from '../cluster/names.ts'
import type { Because, Hop } from '../types.ts'
import { sayStranger } from '../predict/say.ts'
import { refusingLine } from './refusing-line.ts'
import { factsOf, hopAt, ipOf, isStranger, type Story, type Visit } from './story.ts'

/** The cluster's route table: each node's range of pod addresses, and the node. */
export function atRouter(story: Story, visit: Visit): Hop[] {
  const one = visit.sightings.find(({ direction }) => direction === 'out') ?? visit.sightings[0]
  if (!one) return []
  const { destination } = ipOf(one)
  const facts = factsOf(story, visit.place)
  const route = facts?.routes.find(({ to }) => to === destination)
  const via = route?.via === undefined ? undefined : (nameOf(story, route.via) ?? route.via)
  const range = nodeOfRange(story.cluster, destination)
  const gone = one.direction === 'out'
  const line = refusingLine(story, visit.place, destination)
  const service = ownerOf(story.cluster, destination).kind === 'service' ? nameOf(story, destination) : undefined
  if (!gone && route?.kind === 'local') {
    const because: Because = { kind: 'route', text: `local ${destination}` }
    return [
      hopAt(story, one, {
        component: 'route',
        action: 'delivered',
        say: `for ${destination}, ${visit.place.name} itself`,
        because,
      }),
    ]
  }
  const say = !gone
    ? facts && route?.entry === undefined
      ? `${service ? `${destination} is ${service}’s, which only nodes understand: ` : ''}no line of the table is for ${destination}: thrown away`
      : (line?.say ?? `came in for ${destination}, and did not go on`)
    : range && route?.entry !== 'default'
      ? `${route?.entry ?? range.range} belongs to ${range.node.metadata.name}${route?.via === undefined ? '' : ` (${route.via})`}`
      : via !== undefined
        ? `${destination} is ${service ? `an address of ${service}: ${via} is to take it` : `out of the cluster: on to ${via}`}`
        : isStranger(story, destination)
          ? `${destination} is on this very wire; ${sayStranger(destination)}`
          : `${destination}${nameOf(story, destination) === undefined ? '' : ` is ${nameOf(story, destination)}:`} on this very wire`
  const text =
    route?.entry === undefined
      ? `no route to ${destination}`
      : [line ? line.text : route.entry, route.via && `via ${route.via}`, route.device && `dev ${route.device}`]
          .filter(Boolean)
          .join(' ')
  return [
    hopAt(story, one, {
      component: 'route',
      action: gone ? 'forwarded' : 'dropped',
      say,
      because: { kind: 'route', text },
    }),
  ]
}
