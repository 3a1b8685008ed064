import type { Hop } from '../types.ts'
import { saysError } from './error.ts'
import { atNode } from './atnode.ts'
import { atOutside } from './atmachine.ts'
import { atPod } from './atpod.ts'
import { atRouter } from './atrouter.ts'
import { type Direction, type Story, visitsOf } from './story.ts'

/** What was seen, as hops in order. `there` follows the request, `back` what answered it. */
export function tellHops(story: Story, direction: Direction): Hop[] {
  const visits = visitsOf(direction === 'there' ? story.flow.there : story.flow.back)
  const first = direction === 'back' ? saysError(story) : []
  const hops = visits.flatMap((visit, at) => {
    const before = visits[at - 1]
    const next = visits[at + 1]
    switch (visit.place.kind) {
      case 'pod':
        return atPod(story, visit, direction, next)
      case 'router':
        return atRouter(story, visit)
      case 'outside':
        return atOutside(story, visit, direction, next)
      case 'node':
        return atNode(story, visit, { direction, before, next })
    }
  })
  return [...first, ...hops]
}
