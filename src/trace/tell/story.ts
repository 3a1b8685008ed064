import type { Address } from '../../base/address.ts'
import { type Asker, shortName } from '../cluster/names.ts'
import { endsOf, type Flow, type Sighting } from '../flow/flow.ts'
import type { Facts, Place, RuleMet } from '../observation.ts'
import type { Ip } from '../packet/ip.ts'
import { ABORT, INIT, INIT_ACK } from '../packet/sctp.ts'
import { othersOnWire } from '../predict/promised.ts'
import type { ProbeResult } from '../probe/spec.ts'
import type { Ranges } from '../predict/ranges.ts'
import type { Because, Hop } from '../types.ts'

/** Everything that is known when a trace is told. */
export interface Story extends Asker {
  readonly ranges: Ranges
  readonly flow: Flow
  readonly facts: readonly Facts[]
  readonly rules: readonly RuleMet[]
  /** What the sender's own kernel said of the request in the end; absent where nothing was sent. */
  readonly outcome?: Extract<ProbeResult, { kind: 'sent' }>['outcome']
}

/** Packets seen one after another at one place. */
export interface Visit {
  readonly place: Place
  readonly sightings: readonly Sighting[]
}

export type Direction = 'there' | 'back'

export function visitsOf(sightings: readonly Sighting[]): Visit[] {
  const visits: { place: Place; sightings: Sighting[] }[] = []
  for (const one of sightings) {
    const last = visits.at(-1)
    if (last && last.place.kind === one.place.kind && last.place.name === one.place.name) last.sightings.push(one)
    else visits.push({ place: one.place, sightings: [one] })
  }
  return visits
}

/** A hop at a sighting: where, when and what are the sighting's; the rest is said. */
export function hopAt(
  story: Story,
  at: Sighting,
  told: Pick<Hop, 'component' | 'action' | 'say'> & {
    because?: Because
    device?: string
    after?: Hop['after']
    packet?: Hop['packet']
  },
): Hop {
  const start = story.flow.there[0]?.time ?? at.time
  const { place } = at
  const packet = told.packet ?? endsOf(ipOf(at))
  return {
    node: place.node,
    place: place.kind === 'pod' ? shortName(place.name) : place.name,
    device: told.device ?? at.device,
    component: told.component,
    action: told.action,
    packet,
    ...(told.after && { after: told.after }),
    because: told.because ?? {
      kind: 'packet',
      text: `${at.local ? 'a socket' : at.device} ${at.direction}: ${packetText(at)}`,
    },
    us: Number(at.time - start) / 1000,
    say: told.say,
  }
}

/** Sightings of a flow are of IP packets. */
export function ipOf(one: Sighting): Ip {
  const { ip } = one.frame
  if (!ip) throw new TypeError('trace: a sighting without an IP packet is in a flow')
  return ip
}

/** Whether an address is that of a machine on the nodes' wire where nobody watches: the control plane's. */
export function isStranger({ cluster, ranges }: Story, address: Address): boolean {
  return othersOnWire(cluster, ranges).includes(address)
}

/** The port that a packet is for; undefined where its protocol has none. */
export function portOf({ transport }: Ip): number | undefined {
  return transport === undefined || transport.kind === 'icmp' ? undefined : transport.destinationPort
}

/** In tcpdump's manner. */
export function packetText(one: Sighting): string {
  const ip = ipOf(one)
  const { transport } = ip
  const ends = endsOf(ip)
  const detail =
    transport?.kind === 'tcp'
      ? `${[transport.syn && 'SYN', transport.rst && 'RST', transport.ack && 'ACK'].filter(Boolean).join('+')} seq ${transport.sequence}`
      : transport?.kind === 'icmp'
        ? [
            `type ${transport.type} code ${transport.code}`,
            transport.mtu !== undefined && `mtu ${transport.mtu}`,
            transport.payload && `id ${transport.id} seq ${transport.sequence}`,
          ]
            .filter(Boolean)
            .join(' ')
        : transport?.kind === 'sctp'
          ? `${chunkNames[transport.chunk ?? -1] ?? `chunk ${transport.chunk}`} tag ${transport.verificationTag}${transport.initiateTag === undefined ? '' : ` initiates ${transport.initiateTag}`}`
          : `${ip.length} bytes`
  return `${ends.src} > ${ends.dst} ${ends.proto} ${detail} ttl ${ip.ttl}`
}

const chunkNames: Readonly<Record<number, string>> = { [INIT]: 'INIT', [INIT_ACK]: 'INIT ACK', [ABORT]: 'ABORT' }

export function factsOf(story: Story, place: Place): Facts | undefined {
  return story.facts.find((one) => one.place.kind === place.kind && one.place.name === place.name)
}
