import { setTimeout as after } from 'node:timers/promises'
import { type Address, address } from '../../src/base/address.ts'
import { whenReadable } from '../../src/kernel/reactor.ts'
import { protocols } from '../../src/proxy/layout/keys.ts'
import { farPod, localhost, nodeAddress, podA } from '../rows/places.ts'
import { type Flight, read, type Sign, write } from './packet-bytes.ts'
import type { World } from './proxy-world.ts'
import { listenRaw, type RawSender, type RawSocket, sendRaw } from './raw-socket.ts'

/** What became of a packet in a world. */
export type Fate = Sign | { readonly is: 'nothing' }

/** A packet to be sent. Without a source port it gets one that nobody had before. */
export type Shot = Omit<Flight, 'id' | 'sourcePort'> & { readonly sourcePort?: number }

const everyProtocol = [1, ...Object.values(protocols)]
/** Below the ports that sockets get by themselves. */
const [firstPort, lastPort] = [1024, 32_000]
const patience = 10_000

/**
 * Sends first packets made by hand, of all protocols whether the kernel speaks them or not, and watches in every namespace at once where
 * they arrive and who refuses them.
 */
export class Probe implements Disposable {
  readonly #world: World
  readonly #ears: RawSocket[]
  readonly #senders = new Map<number, RawSender>()
  readonly #waiting = new Map<number, { signs: Sign[]; settle: (fate: Fate) => void }>()
  readonly #stops: (() => void)[]
  #id = 0
  #port = firstPort

  constructor(world: World) {
    this.#world = world
    this.#ears = world.everywhere.flatMap((ns) => everyProtocol.map((protocol) => listenRaw(ns, protocol)))
    this.#stops = this.#ears.map((ear) => whenReadable(ear.fd, () => this.#hear()))
  }

  /**
   * What becomes of one packet. `silent`: that it vanishes would be no surprise. Then another one follows it on the same way, which
   * is let through; when that has arrived, the first one has had its time. Else ten seconds are waited for it.
   */
  async fate(shot: Shot, silent = false): Promise<Fate> {
    const { id, fate } = this.#send(shot)
    const deadline = new AbortController()
    try {
      const nothing = silent ? this.#passage(shot) : after(patience, undefined, { signal: deadline.signal, ref: false })
      return await Promise.race([fate, nothing.then((): Fate => ({ is: 'nothing' }))])
    } finally {
      deadline.abort()
      this.#waiting.delete(id)
    }
  }

  async #passage(shot: Shot): Promise<void> {
    const to = address(this.#world.at(shot.from) === this.#world.far ? podA : farPod)
    const from = shot.from === localhost ? address(nodeAddress) : shot.from
    const fate = await this.fate({ from, to, port: 9, protocol: 'UDP' })
    if (fate.is !== 'arrival') throw new Error(`not even a datagram to ${to} arrives`)
    // What was under way together with it.
    await new Promise((resolve) => setImmediate(resolve))
    this.#hear()
  }

  #send(shot: Shot): { id: number; fate: Promise<Fate> } {
    const id = ++this.#id
    const { promise: fate, resolve: settle } = Promise.withResolvers<Fate>()
    this.#waiting.set(id, { signs: [], settle })
    this.#sender(shot.from).send(write({ sourcePort: this.#nextPort(), ...shot, id }), shot.to)
    return { id, fate }
  }

  #sender(from: Address): RawSender {
    const ns = this.#world.at(from)
    const sender = this.#senders.get(ns.fd) ?? sendRaw(ns)
    this.#senders.set(ns.fd, sender)
    return sender
  }

  #nextPort(): number {
    if (++this.#port > lastPort) this.#port = firstPort
    return this.#port
  }

  /** Everybody is heard before anything is concluded: who refuses a connection may have got the packet. */
  #hear(): void {
    const heard = new Set<number>()
    for (const ear of this.#ears)
      for (const packet of ear.read()) {
        const sign = read(packet)
        if (!sign) continue
        const id = sign.is === 'arrival' ? sign.flight.id : sign.id
        this.#waiting.get(id)?.signs.push(sign)
        heard.add(id)
      }
    for (const id of heard) {
      const waiting = this.#waiting.get(id)
      const sign = waiting?.signs.find(({ is }) => is === 'arrival') ?? waiting?.signs[0]
      if (waiting && sign) waiting.settle(sign)
    }
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop()
    for (const socket of [...this.#ears, ...this.#senders.values()]) socket.close()
  }
}
