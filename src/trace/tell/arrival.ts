import { podKey } from '../cluster/cluster.ts'
import { podName } from '../cluster/names.ts'
import type { Sighting } from '../flow/flow.ts'
import type { Facts } from '../observation.ts'
import type { Because, Component, Hop } from '../types.ts'
import { listenerOn, listenerText, processText } from './atpod.ts'
import { type Direction, hopAt, ipOf, type Story } from './story.ts'

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
