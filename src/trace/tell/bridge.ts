import type { Sighting } from '../flow/flow.ts'
import type { Device, Facts } from '../observation.ts'
import type { Hop } from '../types.ts'
import { hopAt, ipOf, type Story, type Visit } from './story.ts'

/** The bridge finds the port of an address: by asking (ARP) or because it remembers. */
export function bridged(
  story: Story,
  one: Sighting,
  device: Device | undefined,
  facts: Facts | undefined,
  next: Visit | undefined,
): Hop {
  const { destination } = ipOf(one)
  const bridge = device?.bridge ?? one.device
  const port = device?.bridge === undefined ? undefined : one.device
  const asked = askedFor(story, one)
  const neighbour = facts?.neighbours.find(({ address }) => address === destination)
  const mac = port === undefined ? neighbour?.mac : one.frame.destination
  const learned = facts?.forwarding.find((line) => line.mac === mac)
  // Out of all ports: no entry is for it, and nobody has answered from there.
  const known = port === undefined ? learned !== undefined : learned?.port === port
  if (next === undefined && facts && mac !== undefined && !asked && !known)
    return hopAt(story, one, {
      component: 'bridge',
      action: 'dropped',
      device: bridge,
      say: `sent to ${mac}: ${bridge} does not know behind which port that is, and nobody took it`,
      because: {
        kind: 'neighbour',
        text: `${neighbour?.mac === mac ? `${destination} is at ${mac} (${neighbour.state}); ` : ''}no entry of ${bridge} is for ${mac}`,
      },
    })
  const say =
    port === undefined || (next === undefined && mac === undefined)
      ? `"who has ${destination}?": nobody answered`
      : asked
        ? `"who has ${destination}?": ${port} answered and is remembered`
        : `${destination} is behind ${port}, as ${bridge} remembers`
  const text = [
    mac !== undefined && `${destination} is at ${mac}${neighbour ? ` (${neighbour.state})` : ''}`,
    learned && `${bridge} learned ${learned.mac} behind ${learned.port}`,
  ].filter(Boolean)
  return hopAt(story, one, {
    component: 'bridge',
    action: port === undefined ? 'dropped' : 'forwarded',
    device: bridge,
    say,
    because: { kind: 'neighbour', text: text.length > 0 ? text.join('; ') : `no answer from ${destination}` },
  })
}

/** The node asked its bridge for the destination, and the packet was never seen behind it. */
export function unanswered(story: Story, one: Sighting, bridge: Device): Hop {
  const { destination } = ipOf(one)
  return hopAt(story, one, {
    component: 'bridge',
    action: 'dropped',
    device: bridge.name,
    say: `"who has ${destination}?": nobody answered`,
    because: { kind: 'neighbour', text: `no answer from ${destination} on ${bridge.name}` },
  })
}

/** Of a packet that nobody saw again after this place. */
export function sayUnseen(story: Story, last: Sighting): string {
  // Routed back to the bridge it came by: what went out there is the question alone.
  return last.direction === 'in' && askedFor(story, last, last.device)
    ? `"who has ${ipOf(last).destination}?": nobody answered`
    : 'nothing after this place saw it'
}

/** Whether the place asked "who has this packet's destination?": before it sent the packet on, or, on `bridge`, in vain. */
export function askedFor(story: Story, one: Sighting, bridge?: string): boolean {
  const { destination } = ipOf(one)
  return story.flow.arp.some(
    ({ place, frame, time, direction, device }) =>
      place.name === one.place.name &&
      frame.arp?.operation === 'question' &&
      frame.arp.target === destination &&
      (bridge === undefined ? time <= one.time : direction === 'out' && device === bridge),
  )
}
