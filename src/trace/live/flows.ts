import { readSightings, type Sighting } from '../flow/flow.ts'
import type { PacketSeen, Place, RuleMet } from '../observation.ts'
import { type Ip, readIp } from '../packet/ip.ts'
import type { Transport } from '../types.ts'
import { type FlowSeen, flowSeen } from './flow-seen.ts'
import type { Identify, Whose } from './identity.ts'

interface Open {
  /** By which a part of many is chosen. */
  readonly sample: number
  number: number
  first: Sighting | undefined
  isAnswered: boolean
  /** Packets were lost while it was open: that no answer was seen says nothing. */
  isDoubtful: boolean
  /** How often it was looked at. */
  looks: number
  readonly packets: PacketSeen[]
  readonly rules: RuleMet[]
  timer: ReturnType<typeof setTimeout> | undefined
}

export interface FlowOptions {
  readonly protocol: Transport
  readonly identify: Identify
  /** The namespace in which the client's sockets are. */
  readonly isSource: (place: Place) => boolean
  /** Whether this is for whom the client asks: filters let through more where these are too many to be named, and what they are translated to. */
  readonly isAsked: (ip: Ip) => boolean
  /** So many are followed; of more the first. */
  readonly most: number
  /** How long an answer is waited for; and, after it came, for what the other machines saw of it. */
  readonly patienceMs: number
  readonly graceMs: number
  /** False: it is not whole yet, and is to be shown once more when what is late has come; not so when it `isLast`. */
  readonly settled: (flow: FlowSeen, isLast: boolean) => boolean
}

const mostPackets = 64
const mostOpen = 8192
const mostArp = 500
/** One that is not whole is looked at again: a machine may be slow to tell. */
const mostLooks = 3
const againMs = 500

/** Splits what the watchers of several machines saw into connections, and says of each when it is answered. */
export class Flows {
  readonly #options: FlowOptions
  readonly #open = new Map<string, Open>()
  readonly #done = new Set<string>()
  /** By place and the kernel's number of a packet: whose the lines that follow the packet's first are. */
  readonly #ruled = new Map<string, Open>()
  #arp: PacketSeen[] = []
  #bits = 0
  #until: bigint | undefined
  #empty: (() => void) | undefined
  #giveUp: (() => void) | undefined
  /** Connections that began before the eyes of a watcher; some of them are not followed. */
  begun = 0
  followed = 0

  constructor(options: FlowOptions) {
    this.#options = options
  }

  see(seen: PacketSeen): void {
    const [one] = readSightings([seen])
    if (!one) return
    const { ip } = one.frame
    if (one.frame.arp) this.#arp = [...this.#arp.slice(1 - mostArp), seen]
    const whose = ip && this.#options.identify(ip)
    if (!whose) return
    const flow = this.#flowOf(whose)
    if (!flow) return
    if (flow.packets.length < mostPackets) flow.packets.push(seen)
    if (!this.#options.isSource(one.place)) return
    if (whose.is === 'request' && one.direction === 'out' && !flow.first) {
      if (!this.#options.isAsked(ip)) return this.#drop(whose.key)
      this.#begin(whose.key, flow, one)
    }
    if (whose.is !== 'request' && one.direction === 'in' && flow.first && !flow.isAnswered) {
      flow.isAnswered = true
      this.#settleIn(whose.key, flow, this.#options.graceMs)
    }
  }

  rule(met: RuleMet): void {
    const id = packetId(met)
    if (met.bytes !== undefined) {
      const ip = readIp(Buffer.from(met.bytes, 'base64'))
      const whose = ip && this.#options.identify(ip)
      const flow = whose && this.#flowOf(whose)
      if (flow) this.#ruled.set(id, flow)
    }
    this.#ruled.get(id)?.rules.push(met)
  }

  /** Packets were lost: of what is open nobody knows whether all of it was seen. */
  doubt(): void {
    for (const flow of this.#open.values()) flow.isDoubtful = true
  }

  /** From now on only connections whose number ends with so many zero bits are seen everywhere. */
  thin(bits: number): void {
    this.#bits = Math.max(this.#bits, bits)
    // The answers to the others are not seen any more.
    for (const [key, { sample }] of this.#open) if (!this.#isInPart(sample)) this.#drop(key)
  }

  /** Nothing that begins from now on is followed. Resolves when all that did has been told of and settled, at the latest after `ms`. */
  async closed(ms: number): Promise<void> {
    this.#until = BigInt(Date.now()) * 1_000_000n
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#giveUp = resolve
    const late = setTimeout(resolve, ms)
    // What was seen last is still on its way here.
    const arrived = setTimeout(() => {
      this.#empty = resolve
      if (this.#waiting() === 0) resolve()
    }, this.#options.graceMs)
    await promise
    clearTimeout(late)
    clearTimeout(arrived)
  }

  /** Whoever waits for {@link closed} waits no longer. */
  hurry(): void {
    this.#giveUp?.()
  }

  /** Those that are open are settled with what was seen of them. */
  finish(): void {
    for (const [key, flow] of this.#open) if (flow.first) this.#settle(key, flow, true)
    this.abandon()
  }

  /** Those that are open are not told of any more; nobody waits for them. */
  abandon(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer)
    this.#open.clear()
    this.hurry()
  }

  /** Watchers of other machines may see a connection first; only where its client is it begins. */
  #flowOf({ key, is, number }: Whose): Open | undefined {
    if (!this.#isInPart(number)) {
      this.#drop(key)
      return undefined
    }
    const known = this.#open.get(key)
    if (known || is !== 'request' || this.#done.has(key) || this.#open.size >= mostOpen) return known
    const flow: Open = {
      sample: number,
      number: 0,
      first: undefined,
      isAnswered: false,
      isDoubtful: false,
      looks: 0,
      packets: [],
      rules: [],
      timer: undefined,
    }
    this.#open.set(key, flow)
    // Behind a node that masquerades, somebody else's looks like this client's: of such a one no beginning is ever seen.
    this.#settleIn(key, flow, this.#options.patienceMs)
    return flow
  }

  #isInPart(sample: number): boolean {
    return (sample & (2 ** this.#bits - 1)) === 0
  }

  #begin(key: string, flow: Open, first: Sighting): void {
    if (this.#until !== undefined && first.time > this.#until) return this.#drop(key)
    this.begun++
    if (this.followed >= this.#options.most) return this.#drop(key)
    this.followed++
    flow.number = this.begun
    flow.first = first
    this.#settleIn(key, flow, this.#options.patienceMs)
  }

  #drop(key: string): void {
    const flow = this.#open.get(key)
    if (!flow) return
    clearTimeout(flow.timer)
    if (flow.first) this.followed--
    this.#forget(key)
  }

  #settleIn(key: string, flow: Open, ms: number): void {
    clearTimeout(flow.timer)
    // In a turn of the event loop timers come before what waits in sockets, and after a long turn much does: that is read first.
    const timer = setTimeout(
      () => setImmediate(setImmediate, () => flow.timer === timer && this.#settle(key, flow)),
      ms,
    )
    flow.timer = timer
  }

  #settle(key: string, open: Open, isEnd = false): void {
    clearTimeout(open.timer)
    if (this.#open.get(key) !== open) return
    const { first } = open
    const { protocol, settled } = this.#options
    const seen = first && flowSeen({ ...open, first }, this.#arp, protocol)
    if (!seen) return this.#forget(key)
    const isAnswered = seen.flow.answer !== undefined
    if (open.isDoubtful && !isAnswered) return this.#drop(key)
    open.looks++
    const isLast = isEnd || !isAnswered || open.looks === mostLooks
    if (settled(seen, isLast)) this.#forget(key)
    else this.#settleIn(key, open, againMs)
  }

  #waiting(): number {
    let count = 0
    for (const { first } of this.#open.values()) if (first) count++
    return count
  }

  #forget(key: string): void {
    for (const met of this.#open.get(key)?.rules ?? []) this.#ruled.delete(packetId(met))
    this.#open.delete(key)
    if (this.#empty && this.#waiting() === 0) this.#empty()
    if (this.#done.size >= mostOpen) this.#done.clear()
    this.#done.add(key)
  }
}

function packetId({ place, packet }: RuleMet): string {
  return `${place.node} ${packet}`
}
