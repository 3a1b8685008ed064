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
/** In one reading, which takes what waits. */
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
  readonly #devices: Map<number, Device>
  #count = 0
  #bytes = 0
  #told = 0
  #full = false

  constructor(watched: Watched, what: What, queue: Queue<Observation>) {
    const { ns } = watched
    this.watched = watched
    this.#what = what
    this.#queue = queue
    this.#devices = devicesOf(ns)
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
    if (drops > 0) this.#lose(`${drops} packets came too fast to be seen`)
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
    const { name, isPort } = this.#at(device)
    // A frame for another card that a wire brought along: only a bridge takes it.
    if (this.#full || (kind === 'otherhost' && !isPort) || leaveOut?.(at, bytes)) return
    this.#count++
    this.#bytes += bytes.length
    this.#full = this.#count >= mostPackets || this.#bytes >= mostBytes
    if (this.#full) {
      this.#socket.filter(nothing)
      this.#lose(`more than ${this.#count} packets of ${this.#bytes} bytes: the rest was not looked at`)
    }
    const ip = readFrame(bytes)?.ip
    for (const address of ip ? [ip.destination, ip.source] : [])
      if (this.addresses.size < mostAddresses) this.addresses.add(address)
    this.#queue.push({
      kind: 'packet',
      place: this.watched.place,
      device: name,
      direction: kind === 'outgoing' ? 'out' : 'in',
      time: at.toString(),
      frame: Buffer.from(bytes).toString('base64'),
      ...(length > bytes.length && { length }),
    })
  }

  #lose(say: string): void {
    this.#queue.push({ kind: 'lost', place: this.watched.place, say, packets: true })
  }

  /** A device that came after the start (a new pod's cable) is looked up once. */
  #at(index: number): Device {
    if (!this.#devices.has(index)) {
      for (const [known, device] of devicesOf(this.watched.ns)) this.#devices.set(known, device)
      if (!this.#devices.has(index)) this.#devices.set(index, { name: `device ${index}`, isPort: false })
    }
    return this.#devices.get(index) ?? { name: '', isPort: false }
  }
}

interface Device {
  readonly name: string
  /** Of a bridge, which takes whatever comes. */
  readonly isPort: boolean
}

function devicesOf(ns: Netns | undefined): Map<number, Device> {
  using socket = openRouteSocket(ns)
  return new Map(socket.links().map(({ index, name, master }) => [index, { name, isPort: master !== undefined }]))
}
