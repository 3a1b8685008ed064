import type { Packet } from '../../kernel/nftables/packet.ts'
import type { Machine } from './machine.ts'

interface Entry {
  readonly machine: Machine
  /** The packet as it came to the machine, and as it left it. */
  readonly before: Packet
  readonly after: Packet
}

/** What the machines remember of a connection (conntrack), so that its answer is put back. */
export class Tracked {
  readonly #entries: Entry[] = []

  /**
   * As it leaves: who comes by again as somebody whom the machine knows already, from another connection, gets another port
   * (nf_nat_setup_info, get_unique_tuple).
   */
  remember(machine: Machine, before: Packet, after: Packet): Packet {
    const clashes = this.#entries.some(
      (one) => one.machine === machine && sameEnds(one.after, after) && !sameEnds(one.before, before),
    )
    const left = clashes ? { ...after, sourcePort: 0 } : after
    this.#entries.push({ machine, before, after: left })
    return left
  }

  /** Who really asked: what an answer's destination becomes on this machine, before it looks for a way (RFC 3022, 2.2). */
  asker(machine: Machine, answer: Packet): Packet {
    const entry = this.#find(machine, answer)
    if (!entry) return answer
    const asker = { destination: entry.before.source, destinationPort: entry.before.sourcePort }
    return { ...answer, ...asker, ...(answer.instead && { instead: { ...answer.instead, ...asker } }) }
  }

  /** Whom it asked: what an answer's source becomes when it leaves. `arrived`: as it came to the machine. */
  asked(machine: Machine, arrived: Packet, answer: Packet): Packet {
    const entry = this.#find(machine, arrived)
    if (!entry) return answer
    const { before, after } = entry
    const asked = { source: before.destination, sourcePort: before.destinationPort }
    if (!answer.instead) return { ...answer, ...asked }
    // Who makes an error on the way is hidden where the connection was translated (nf_nat_icmp_reply_translation), and only there.
    const isTranslated = after.destination !== before.destination || after.destinationPort !== before.destinationPort
    return { ...answer, ...(isTranslated && asked), instead: { ...answer.instead, ...asked } }
  }

  knows(machine: Machine, answer: Packet): boolean {
    return this.#find(machine, answer) !== undefined
  }

  #find(machine: Machine, packet: Packet): Entry | undefined {
    const { source, sourcePort, destination, destinationPort } = packet.instead ?? packet
    return this.#entries.find(
      ({ machine: at, after }) =>
        at === machine &&
        after.destination === source &&
        after.destinationPort === sourcePort &&
        after.source === destination &&
        after.sourcePort === destinationPort,
    )
  }
}

function sameEnds(one: Packet, other: Packet): boolean {
  return (
    one.source === other.source &&
    one.sourcePort === other.sourcePort &&
    one.destination === other.destination &&
    one.destinationPort === other.destinationPort
  )
}
