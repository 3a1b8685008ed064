import type { Packet } from '../../kernel/nftables/packet.ts'
import { isUntranslated } from './carriage.ts'
import type { Machine } from './machine.ts'

/** RFC 1700's, and net.ipv4.ip_default_ttl's: the machines that a packet may pass. */
const defaultTtl = 64

/** A packet's time to live on its way, and from where on it only repeats itself. */
export class TimeToLive {
  #left = defaultTtl
  readonly #met: { readonly machine: Machine; readonly packet: Packet }[] = []
  #round: { readonly hops: number; readonly last: Machine } | undefined

  /** `hops`: how many were told before it came here. */
  arrives(machine: Machine, packet: Packet, hops: number): void {
    if (this.#round) return
    const again = this.#met.some(
      (one) => one.machine === machine && one.packet.source === packet.source && isUntranslated(one.packet, packet),
    )
    if (again) this.#round = { hops, last: this.#met.at(-1)?.machine ?? machine }
    else this.#met.push({ machine, packet })
  }

  /** A machine is to send it on: false where it may not any more (ip_forward), and then that is its end. */
  passes(): boolean {
    if (this.#left <= 1) return false
    this.#left--
    return true
  }

  /** How many hops one round has, and the machine that it ends at; undefined while there is none. */
  get round(): { readonly hops: number; readonly last: Machine } | undefined {
    return this.#round
  }
}
