import type { Sighting } from '../flow/flow.ts'
import type { Device } from '../observation.ts'
import type { Component, Hop } from '../types.ts'
import { forItself } from './arrival.ts'
import { sayBack, saySent } from './atpod.ts'
import { routed } from './route.ts'
import { type Direction, factsOf, hopAt, type Story, type Visit } from './story.ts'

// A machine as the end of a way: its own sockets send, get, and answer.

/** The machine beyond the router: nothing is translated there, so its card shows what its sockets have. */
export function atOutside(
  story: Story,
  { place, sightings }: Visit,
  direction: Direction,
  next: Visit | undefined,
): Hop[] {
  const facts = factsOf(story, place)
  return sightings.flatMap((one, at) => {
    const itself = one.device === 'lo'
    if (one.direction === 'out')
      return direction === 'there'
        ? [sentBy(story, one), ...(itself ? [] : [routed(story, one, facts, next, direction)])]
        : []
    if (itself && direction === 'there') return [forItself(story, one, facts, 'route', direction)]
    return direction === 'back' && at === sightings.length - 1 ? [gotBack(story, one, 'route')] : []
  })
}

/** A program of the machine itself sends. */
export function sentBy(story: Story, one: Sighting): Hop {
  return hopAt(story, one, { component: 'app', action: 'sent', say: saySent(story, one) })
}

/** The answer is back at the machine that asked. `came`: the device that it came in by. */
export function gotLocally(story: Story, one: Sighting, came: Device | undefined): Hop {
  return gotBack(story, one, came?.kind === 'bridge' ? 'bridge' : 'route')
}

function gotBack(story: Story, one: Sighting, component: Component): Hop {
  return hopAt(story, one, { component, action: 'delivered', say: sayBack(story, one) })
}
