import type { Sighting } from '../flow.ts'
import type { Device, Facts } from '../observation.ts'
import type { Because, Component, Hop } from '../types.ts'
import { listenerOn, listenerText, processText, saySent, sayBack } from './atpod.ts'
import { routed } from './route.ts'
import { type Direction, factsOf, hopAt, ipOf, podName, type Story, type Visit } from './story.ts'
import { podKey } from '../cluster.ts'

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

/** The request is at the machine that it is for. */
export function forItself(
  story: Story,
  one: Sighting,
  facts: Facts | undefined,
  component: Component,
  direction: Direction,
): Hop {
  const { destination, transport } = ipOf(one)
  const name = one.place.name
  const base = `for ${destination}, ${component === 'bridge' ? 'the node’s own address' : `${name} itself`}`
  const route: Because = { kind: 'route', text: `local ${destination}` }
  const told = { component, action: 'delivered' as const }
  if (direction === 'back' || transport === undefined || transport.kind === 'icmp')
    return hopAt(story, one, { ...told, say: base, because: route })
  const port = transport.destinationPort
  const { answer } = story.flow
  const listener = listenerOn(facts, transport.kind, destination, port)
  const refused = answer === 'reset' || answer === 'unreachable'
  if (!listener)
    return hopAt(story, one, {
      ...told,
      say: refused ? `${base}: nobody listens on port ${port}` : base,
      because: route,
    })
  const who = [processText(listener), podOnHost(story, name, port)].filter(Boolean).join(', ')
  const does =
    answer === undefined
      ? 'listens, but did not answer'
      : refused
        ? 'refuses'
        : transport.kind === 'udp'
          ? 'answers'
          : 'listens and answers'
  return hopAt(story, one, {
    ...told,
    say: `${base}: port ${port}: ${who === '' ? does : `${who}, ${does}`}`,
    because: { kind: 'socket', text: listenerText(listener) },
  })
}

/** The pod on the node's own network that says it has this port. */
function podOnHost(story: Story, node: string, port: number): string | undefined {
  const pod = story.cluster.pods.find(
    ({ spec }) =>
      spec.hostNetwork &&
      spec.nodeName === node &&
      spec.containers.some(({ ports }) => ports?.some(({ containerPort }) => containerPort === port)),
  )
  return pod && `of pod ${podName(story, podKey(pod))}, which uses the node’s network`
}
