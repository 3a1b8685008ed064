import type { Address } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import { openPacketCounter } from '../../kernel/packet.ts'
import type { Observation } from '../observation.ts'
import { wordOf } from '../observe/assemble.ts'
import { BoundedWatch } from '../observe/bounded.ts'
import type { TraceEnvironment } from '../observe/environment.ts'
import { factsAt } from '../observe/facts.ts'
import { snapOf } from '../observe/filter.ts'
import { mostBytes, PacketWatch } from '../observe/packets.ts'
import type { Watched } from '../observe/places.ts'
import { stateAt } from '../observe/state.ts'
import { readFrame } from '../packet/frame.ts'
import type { Ip } from '../packet/ip.ts'
import { established } from './established.ts'
import { countFilter, liveFilter, sidesOf } from './filter.ts'
import { flagLive, type LiveFlag } from './flag.ts'
import { type Identify, identities } from './identity.ts'
import { LiveRules } from './rules.ts'
import type { LiveSpec } from './spec.ts'
import { mostBits, Thinning } from './thinning.ts'

const mostPackets = 40_000
/** Sightings of one connection in one namespace: on a node two devices there and two back, each in and out. */
const sightings = 8

/**
 * Watches on this machine what an application itself sends. First comes what the kernel says about the addresses, then `ready`, then packets and rules as
 * they are seen; at the end how much began, what stands, and the facts again. Whatever happens, no socket and no table is left.
 */
export async function* observeLive(
  spec: LiveSpec,
  environment: TraceEnvironment,
  signal: AbortSignal,
): AsyncGenerator<Observation, void, undefined> {
  await using watch = new BoundedWatch(spec, environment, signal)
  const { machine, places, queue } = watch
  const client = places.find((one) => (spec.client === 'machine' ? one === machine : one.place.name === spec.client))
  const snap = snapOf(spec)
  let bits = 0
  for (const one of places) {
    yield stateAt(one)
    yield factsAt(one, addressesOf(spec))
  }
  const packets = places.map((one) => {
    // Where all is wanted no part is chosen: what is missing is told at the end.
    const onLost = spec.whole ? {} : { onLost: (count: number) => thin(bits + 1, count) }
    const what = {
      filter: liveFilter(spec, { bits, snap }),
      snap,
      mostPackets,
      mostBytes,
      leaveOut: thinned(),
      ...onLost,
    }
    return watch.opened(new PacketWatch(one, what, queue))
  })
  const counter = client && openPacketCounter(client.ns, countFilter(spec))
  if (counter) watch.opened({ close: () => counter.closeElsewhere() })
  let flag: LiveFlag | undefined
  if (environment.kind === 'node') {
    watch.opened(new LiveRules(machine, isMine(spec), queue))
    flag = watch.opened(flagLive(machine.ns, spec))
  }
  let begun: number | undefined
  if (spec.counts !== undefined) {
    const counts = setTimeout(() => (begun = counter?.count()), spec.counts * 1000)
    watch.opened({ close: () => clearTimeout(counts) })
  }
  yield* watch.seen()
  if (client && counter) {
    yield { kind: 'counted', place: client.place, begun: begun ?? counter.count() }
    yield establishedAt(client)
  }
  for (const { watched, addresses } of packets) yield factsAt(watched, addresses)
  yield { kind: 'end' }

  /** Whether a packet is to be left out, because it comes from before a part was chosen; and chooses a smaller part when too many come. */
  function thinned(): (time: bigint, bytes: Uint8Array) => boolean {
    const thinning = new Thinning(spec.rate * sightings)
    const identify = identities(spec)
    return (time, bytes) => {
      if (spec.whole) return false
      if (bits > 0 && !inPart(bytes, identify, bits)) return true
      if (thinning.see(time)) thin(thinning.bits)
      else if (thinning.bits < bits) thinning.bits = bits
      return false
    }
  }

  function thin(wanted: number, lost = 0): void {
    const to = Math.min(wanted, mostBits)
    if (watch.isOver || (to <= bits && lost === 0)) return
    if (to > bits) {
      bits = to
      for (const one of packets) one.filter(liveFilter(spec, { bits, snap }))
      flag?.thin(bits)
    }
    const all = packets.reduce((sum, one) => sum + one.lost(), lost)
    queue.push({ kind: 'thinned', place: machine.place, bits, lost: all })
  }

  function establishedAt({ place, ns }: Watched): Observation {
    try {
      return { kind: 'established', place, connections: established(spec, { machine: machine.ns, client: ns }) }
    } catch (error) {
      return { kind: 'lost', place, say: `what stands already could not be read: ${messageOf(error)}` }
    }
  }
}

function addressesOf({ from, asked, behind }: LiveSpec): Set<Address> {
  return new Set([...from, ...[...asked, ...behind].map(({ address }) => address)])
}

/** Whether a packet goes from one of these clients to one of these servers. */
function isMine(spec: LiveSpec): (ip: Pick<Ip, 'source' | 'destination'>) => boolean {
  const { clients, servers } = sidesOf(spec)
  return ({ source, destination }) =>
    clients.includes(wordOf(source)) && (servers.length === 0 || servers.includes(wordOf(destination)))
}

function inPart(bytes: Uint8Array, identify: Identify, bits: number): boolean {
  const ip = readFrame(bytes)?.ip
  const whose = ip && identify(ip)
  return whose === undefined || (whose.number & (2 ** bits - 1)) === 0
}
