import type { Address } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'
import { openPacketSocket, type Packet, type PacketSocket } from '../../kernel/packet.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Observation, Place } from '../observation.ts'
import { readFrame } from '../packet/frame.ts'
import { filterFor, snapLength } from './filter.ts'
import type { Queue } from './queue.ts'
import type { WatchSpec } from './spec.ts'

/** A trace follows one connection's first packets: more than this is somebody else's traffic. */
const mostPackets = 5000
const mostAddresses = 64

/** One packet socket sees every device of a namespace. */
export class PacketWatch {
  readonly place: Place
  readonly ns: Netns | undefined
  /** Whoever packets were sent from and to: what the kernel is asked about afterwards. */
  readonly addresses: Set<Address> = new Set()
  readonly #socket: PacketSocket
  readonly #queue: Queue<Observation>
  readonly #names: Map<number, string>
  #count = 0

  constructor(place: Place, ns: Netns | undefined, spec: WatchSpec, queue: Queue<Observation>) {
    this.place = place
    this.ns = ns
    this.#queue = queue
    this.#names = deviceNames(ns)
    this.#socket = openPacketSocket({
      ...(ns && { ns }),
      cooked: false,
      filter: filterFor(spec),
      snap: snapLength,
      buffer: 1024 * 1024,
    })
    this.#socket.follow((packets) => {
      for (const packet of packets) this.#see(packet)
    })
  }

  drain(): void {
    for (const packet of this.#socket.read()) this.#see(packet)
    const drops = this.#socket.drops()
    if (drops > 0)
      this.#queue.push({ kind: 'lost', place: this.place, say: `${drops} packets came too fast to be seen` })
  }

  close(): Promise<void> {
    return this.#socket.closeElsewhere()
  }

  #see({ device, kind, at, bytes }: Packet): void {
    this.#count++
    if (this.#count > mostPackets) return
    if (this.#count === mostPackets)
      this.#queue.push({
        kind: 'lost',
        place: this.place,
        say: `more than ${mostPackets} packets: the rest was not looked at`,
      })
    const ip = readFrame(bytes)?.ip
    for (const address of ip ? [ip.destination, ip.source] : [])
      if (this.addresses.size < mostAddresses) this.addresses.add(address)
    this.#queue.push({
      kind: 'packet',
      place: this.place,
      device: this.#nameOf(device),
      direction: kind === 'outgoing' ? 'out' : 'in',
      time: at.toString(),
      frame: Buffer.from(bytes).toString('base64'),
    })
  }

  /** A device that came after the start (a new pod's cable) is looked up once. */
  #nameOf(index: number): string {
    if (!this.#names.has(index)) {
      for (const [known, name] of deviceNames(this.ns)) this.#names.set(known, name)
      if (!this.#names.has(index)) this.#names.set(index, `device ${index}`)
    }
    return this.#names.get(index) ?? ''
  }
}

function deviceNames(ns: Netns | undefined): Map<number, string> {
  using socket = openRouteSocket(ns)
  return new Map(socket.links().map(({ index, name }) => [index, name]))
}
