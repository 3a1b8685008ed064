import type { Address } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'
import { RET } from '../../kernel/bpf-code.ts'
import { openPacketSocket, type Packet, type PacketSocket } from '../../kernel/packet.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Observation } from '../observation.ts'
import { readFrame } from '../packet/frame.ts'
import type { Instruction } from '../../kernel/bpf.ts'
import type { Watched } from './places.ts'
import type { Queue } from './queue.ts'

const mostAddresses = 64
const many = 64
/** What is kept of the packets that one watch sees at a place. */
export const mostBytes: number = 16 * 1024 * 1024
const nothing: readonly Instruction[] = [{ code: RET, jt: 0, jf: 0, k: 0 }]

export interface What {
  readonly filter: readonly Instruction[]
  /** Bytes that are kept of each packet. */
  readonly snap: number
  /** So many packets and bytes are told; more is not looked at. */
  readonly mostPackets: number
  readonly mostBytes: number
  /** Called with each packet's time; true: it has been left out by a {@link PacketWatch.filter} that came after it. */
  readonly leaveOut?: (time: bigint, bytes: Uint8Array) => boolean
  /** Called when packets have found no room; without it they are told of at the end. */
  readonly onLost?: (count: number) => void
}

/** One packet socket sees every device of a namespace. */
export class PacketWatch {
  readonly watched: Watched
  /** Whoever packets were sent from and to: what the kernel is asked about afterwards. */
  readonly addresses: Set<Address> = new Set()
  readonly #what: What
  readonly #socket: PacketSocket
  readonly #queue: Queue<Observation>
  readonly #names: Map<number, string>
  #count = 0
  #bytes = 0
  #told = 0
  #full = false

  constructor(watched: Watched, what: What, queue: Queue<Observation>) {
    const { ns } = watched
    this.watched = watched
    this.#what = what
    this.#queue = queue
    this.#names = deviceNames(ns)
    this.#socket = openPacketSocket({
      ...(ns && { ns }),
      cooked: false,
      filter: what.filter,
      snap: what.snap,
      buffer: 1024 * 1024,
    })
    this.#socket.follow((packets) =>
      queue.attempt(() => {
        for (const packet of packets) this.#see(packet)
        // Only a full buffer loses packets, and it was full only where many were in it.
        const lost = what.onLost && packets.length >= many ? this.lost() : 0
        if (lost > 0) what.onLost?.(lost)
      }),
    )
  }

  /** Packets that found no room since this was asked last. */
  lost(): number {
    const all = this.#socket.drops()
    const since = all - this.#told
    this.#told = all
    return since
  }

  drain(): void {
    for (const packet of this.#socket.read()) this.#see(packet)
    const drops = this.lost()
    if (drops > 0)
      this.#queue.push({ kind: 'lost', place: this.watched.place, say: `${drops} packets came too fast to be seen` })
  }

  /** Lets through something else from now on. */
  filter(filter: readonly Instruction[]): void {
    this.#socket.filter(filter)
  }

  close(): Promise<void> {
    return this.#socket.closeElsewhere()
  }

  #see({ device, kind, at, bytes, length }: Packet): void {
    const { mostPackets, mostBytes, leaveOut } = this.#what
    if (this.#full || leaveOut?.(at, bytes)) return
    this.#count++
    this.#bytes += bytes.length
    this.#full = this.#count >= mostPackets || this.#bytes >= mostBytes
    if (this.#full) {
      this.#socket.filter(nothing)
      this.#queue.push({
        kind: 'lost',
        place: this.watched.place,
        say: `more than ${this.#count} packets of ${this.#bytes} bytes: the rest was not looked at`,
      })
    }
    const ip = readFrame(bytes)?.ip
    for (const address of ip ? [ip.destination, ip.source] : [])
      if (this.addresses.size < mostAddresses) this.addresses.add(address)
    this.#queue.push({
      kind: 'packet',
      place: this.watched.place,
      device: this.#nameOf(device),
      direction: kind === 'outgoing' ? 'out' : 'in',
      time: at.toString(),
      frame: Buffer.from(bytes).toString('base64'),
      ...(length > bytes.length && { length }),
    })
  }

  /** A device that came after the start (a new pod's cable) is looked up once. */
  #nameOf(index: number): string {
    if (!this.#names.has(index)) {
      for (const [known, name] of deviceNames(this.watched.ns)) this.#names.set(known, name)
      if (!this.#names.has(index)) this.#names.set(index, `device ${index}`)
    }
    return this.#names.get(index) ?? ''
  }
}

function deviceNames(ns: Netns | undefined): Map<number, string> {
  using socket = openRouteSocket(ns)
  return new Map(socket.links().map(({ index, name }) => [index, name]))
}
