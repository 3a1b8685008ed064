import { messageOf } from '../../base/errors.ts'
import type { Netns } from '../../kernel/netns.ts'
import { openPacketCounter, type PacketCounter } from '../../kernel/packet.ts'
import type { Observation, Place } from '../observation.ts'
import { wordOf } from '../observe/assemble.ts'
import type { TraceEnvironment } from '../observe/environment.ts'
import { gatherFacts } from '../observe/facts.ts'
import { snapOf } from '../observe/filter.ts'
import { PacketWatch } from '../observe/packets.ts'
import { Queue } from '../observe/queue.ts'
import { gatherState } from '../observe/state.ts'
import { readFrame } from '../packet/frame.ts'
import { established } from './established.ts'
import { countFilter, liveFilter, sidesOf } from './filter.ts'
import { flagLive, type LiveFlag } from './flag.ts'
import { identities } from './identity.ts'
import { LiveRules } from './rules.ts'
import type { LiveSpec } from './spec.ts'
import { mostBits, Thinning } from './thinning.ts'

const mostPackets = 40_000
const mostBytes = 16 * 1024 * 1024
/** Sightings of one connection in one namespace: on a node two devices there and two back, each in and out. */
const sightings = 8

interface Watched {
  readonly place: Place
  readonly ns: Netns | undefined
}

/**
 * Watches on this machine what an application itself sends. First comes what the kernel says about the addresses, then `ready`, then packets and rules as
 * they are seen; at the end how much began, what stands, and the facts again. Whatever happens, no socket and no table is left.
 */
export async function* observeLive(
  spec: LiveSpec,
  environment: TraceEnvironment,
  signal: AbortSignal,
): AsyncGenerator<Observation, void, undefined> {
  const queue = new Queue<Observation>()
  const open: (() => Promise<void> | void)[] = []
  const timer = setTimeout(finish, spec.seconds * 1000)
  signal.addEventListener('abort', finish, { once: true })
  let finished = false
  const packets: PacketWatch[] = []
  let rules: LiveRules | undefined
  let flag: LiveFlag | undefined
  let counter: PacketCounter | undefined
  const { node, ns } = environment
  const machine: Place = { kind: environment.kind, node, name: node }
  const places = placesOf(spec, environment, machine)
  const client = places.find(({ place }) =>
    spec.client === 'machine' ? place === machine : place.name === spec.client,
  )
  const snap = snapOf(spec)
  let bits = 0
  try {
    for (const { place, ns: where } of places) {
      yield* stateAt(place, where)
      yield* factsAt(place, where, addressesOf(spec))
    }
    for (const { place, ns: where } of places) {
      const filter = liveFilter(spec, { bits, snap })
      const leaveOut = thinned()
      // Where all is wanted no part is chosen: what is missing is told at the end.
      const onLost = spec.whole ? {} : { onLost: (count: number) => thin(bits + 1, count) }
      const what = { filter, snap, mostPackets, mostBytes, leaveOut, ...onLost }
      const watch = new PacketWatch(place, where, what, queue)
      open.push(() => watch.close())
      packets.push(watch)
    }
    if (client) {
      const counts = openPacketCounter(client.ns, countFilter(spec))
      open.push(() => counts.close())
      counter = counts
    }
    if (environment.kind === 'node') {
      const listening = new LiveRules(machine, ns, isMine(spec), queue)
      open.push(() => listening.close())
      rules = listening
      const flagging = flagLive(ns, spec)
      open.push(() => flagging.closeElsewhere())
      flag = flagging
    }
    queue.push({ kind: 'ready' })
    if (signal.aborted) finish()
    yield* queue
    if (client && counter) {
      yield { kind: 'counted', place: client.place, begun: counter.count() }
      yield* establishedAt(client)
    }
    for (const watch of packets) yield* factsAt(watch.place, watch.ns, watch.addresses)
    yield { kind: 'end' }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', finish)
    await Promise.all(open.reverse().map(async (close) => close()))
  }

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
    if (finished || (to <= bits && lost === 0)) return
    if (to > bits) {
      bits = to
      for (const watch of packets) watch.filter(liveFilter(spec, { bits, snap }))
      flag?.thin(bits)
    }
    const all = packets.reduce((sum, watch) => sum + watch.lost(), lost)
    queue.push({ kind: 'thinned', place: machine, bits, lost: all })
  }

  function* establishedAt({ place, ns: where }: Watched): Generator<Observation> {
    try {
      yield { kind: 'established', place, connections: established(spec, { machine: ns, client: where }) }
    } catch (error) {
      yield { kind: 'lost', place, say: `what stands already could not be read: ${messageOf(error)}` }
    }
  }

  function finish(): void {
    if (finished) return
    finished = true
    try {
      for (const watch of packets) watch.drain()
      rules?.drain()
    } catch (error) {
      queue.fail(error)
    }
    queue.end()
  }
}

function placesOf(spec: LiveSpec, environment: TraceEnvironment, machine: Place): Watched[] {
  const pods = spec.pods.flatMap((name): Watched[] => {
    const ns = environment.podNetns(name)
    return ns ? [{ place: { kind: 'pod', node: environment.node, name }, ns }] : []
  })
  return [{ place: machine, ns: environment.ns }, ...pods]
}

/** Without it the prediction rests on what the objects say. */
function* stateAt(place: Place, ns: Netns | undefined): Generator<Observation> {
  try {
    yield { kind: 'state', place, state: gatherState(place, ns) }
  } catch (error) {
    yield { kind: 'lost', place, say: `how its kernel is set up could not be read: ${messageOf(error)}` }
  }
}

function* factsAt(
  place: Place,
  ns: Netns | undefined,
  addresses: Parameters<typeof gatherFacts>[2],
): Generator<Observation> {
  try {
    yield gatherFacts(place, ns, addresses)
  } catch (error) {
    yield { kind: 'lost', place, say: `what its kernel knows could not be read: ${messageOf(error)}` }
  }
}

function addressesOf({ from, asked, behind }: LiveSpec): Parameters<typeof gatherFacts>[2] {
  return new Set([...from, ...[...asked, ...behind].map(({ address }) => address)])
}

/** Whether a packet goes from one of these clients to one of these servers. */
function isMine(
  spec: LiveSpec,
): (ip: { source: LiveSpec['from'][number]; destination: LiveSpec['from'][number] }) => boolean {
  const { clients, servers } = sidesOf(spec)
  return ({ source, destination }) =>
    clients.includes(wordOf(source)) && (servers.length === 0 || servers.includes(wordOf(destination)))
}

function inPart(bytes: Uint8Array, identify: ReturnType<typeof identities>, bits: number): boolean {
  const ip = readFrame(bytes)?.ip
  const whose = ip && identify(ip)
  return whose === undefined || (whose.number & (2 ** bits - 1)) === 0
}
