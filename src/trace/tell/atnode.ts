import { podName } from '../cluster/names.ts'
import { endsOf, sameEnds, type Sighting } from '../flow/flow.ts'
import type { Device, Facts } from '../observation.ts'
import type { Hop } from '../types.ts'
import { askedFor, bridged, unanswered } from './bridge.ts'
import { forItself } from './arrival.ts'
import { gotLocally, sentBy } from './atmachine.ts'
import { routed } from './route.ts'
import { type Direction, factsOf, hopAt, ipOf, type Story, type Visit } from './story.ts'
import { translated } from './translation.ts'

export interface Around {
  readonly direction: Direction
  readonly before: Visit | undefined
  readonly next: Visit | undefined
}

/** What a packet does on a node: out of a pod's cable, over the bridge, through the service rules, to the next machine or pod. */
export function atNode(story: Story, visit: Visit, around: Around): Hop[] {
  const facts = factsOf(story, visit.place)
  const hops: Hop[] = []
  let previous: Sighting | undefined
  for (const [at, one] of visit.sightings.entries()) {
    if (previous && !sameEnds(endsOf(ipOf(previous)), endsOf(ipOf(one))))
      hops.push(...translated(story, previous, one, around.direction))
    previous = one
    if (one.ruled) {
      if (facts?.addresses.includes(ipOf(one).destination))
        hops.push(forItself(story, one, facts, kindOf(facts, one) === 'bridge' ? 'bridge' : 'route', around.direction))
      continue
    }
    const next = visit.sightings[at + 1]
    const device = facts?.devices.find(({ name }) => name === one.device)
    if (one.local || one.device === 'lo') {
      hops.push(...atSocket(story, one, next, device, facts, around.direction))
      continue
    }
    hops.push(...through(story, one, next, device, facts, around))
  }
  return hops
}

function kindOf(facts: Facts, one: Sighting): string | undefined {
  const device = facts.devices.find(({ name }) => name === one.device)
  return device?.bridge === undefined ? device?.kind : 'bridge'
}

/** The node's own sockets: they send, the answer comes back to them, and what the node sends to itself passes lo. */
function atSocket(
  story: Story,
  one: Sighting,
  next: Sighting | undefined,
  device: Device | undefined,
  facts: Facts | undefined,
  direction: Direction,
): Hop[] {
  if (one.local) return [one.direction === 'out' ? sentBy(story, one) : gotLocally(story, one, device)]
  if (one.direction === 'out' || next) return []
  return [forItself(story, one, facts, 'route', direction)]
}

function through(
  story: Story,
  one: Sighting,
  next: Sighting | undefined,
  device: Device | undefined,
  facts: Facts | undefined,
  { before, next: then, direction }: Around,
): Hop[] {
  // The detour on which what a pod sends waits for its turn (src/cni/bandwidth.ts): told with the cable that it begins at.
  if (device?.kind === 'ifb') return []
  const isBridge = device?.kind === 'bridge'
  const isPort = device?.bridge !== undefined
  if (one.direction === 'in') {
    if (isPort) {
      const whose = before?.place.kind === 'pod' ? podName(story, before.place.name) : 'a pod'
      const queue = facts?.devices.find(({ name, kind }) => name === next?.device && kind === 'ifb')
      const say = `out of the other end of ${whose}’s cable${queue ? `, and through ${queue.name}, where what it sends waits as its bandwidth limit says` : ''}`
      return [hopAt(story, one, { component: 'veth', action: 'forwarded', say })]
    }
    // What is for the node itself is told where its socket has it.
    if (isBridge) return next?.local ? [] : [toGateway(story, one, facts, direction, next !== undefined)]
    // What came in from the wire is told by what happens next; alone it is the last that was seen.
    if (next) return []
    // Rather one with ports: others may be there for an address alone.
    const bridges = facts?.devices.filter(({ kind }) => kind === 'bridge') ?? []
    const bridge = bridges.find(({ name }) => facts?.devices.some(({ bridge: of }) => of === name)) ?? bridges[0]
    return bridge && askedFor(story, one, bridge.name)
      ? [unanswered(story, one, bridge)]
      : [routed(story, one, facts, then, direction)]
  }
  if (isPort) {
    // A bridge that does not know the port yet floods all of them: the one that counts is the pod's in which the packet shows up.
    if (
      next?.direction === 'out' &&
      next.device !== one.device &&
      facts?.devices.some(({ name, bridge }) => name === next.device && bridge)
    )
      return []
    return [bridged(story, one, device, facts, then)]
  }
  // Leaving through the bridge itself is followed by the port; alone, the bridge found nobody.
  if (isBridge) return next ? [] : [bridged(story, one, device, facts, then)]
  return [routed(story, one, facts, then, direction)]
}

function toGateway(story: Story, one: Sighting, facts: Facts | undefined, direction: Direction, goesOn: boolean): Hop {
  const { destination } = ipOf(one)
  const mine = facts?.addresses.includes(destination) ?? false
  if (mine && !goesOn) return forItself(story, one, facts, 'bridge', direction)
  const what = mine ? `for ${destination}, an address of the node, where rules send it on` : 'for no pod on this bridge'
  return hopAt(story, one, {
    component: 'bridge',
    action: 'forwarded',
    say: `${what}: handed to the gateway, the node itself`,
    because: { kind: 'packet', text: `to ${one.frame.destination}, the Ethernet address of ${one.device} itself` },
  })
}
