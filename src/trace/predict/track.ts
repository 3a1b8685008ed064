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

  remember(machine: Machine, before: Packet, after: Packet): void {
    this.#entries.push({ machine, before, after })
  }

  /** Who really asked: what an answer's destination becomes on this machine, before it looks for a way (RFC 3022, 2.2). */
  asker(machine: Machine, answer: Packet): Packet {
    const entry = this.#find(machine, answer)
    if (!entry) return answer
    return { ...answer, destination: entry.before.source, destinationPort: entry.before.sourcePort }
  }

  /** Whom it asked: what an answer's source becomes when it leaves. `arrived`: as it came to the machine. */
  asked(machine: Machine, arrived: Packet, answer: Packet): Packet {
    const entry = this.#find(machine, arrived)
    if (!entry) return answer
    return { ...answer, source: entry.before.destination, sourcePort: entry.before.destinationPort }
  }

  knows(machine: Machine, answer: Packet): boolean {
    return this.#find(machine, answer) !== undefined
  }

  #find(machine: Machine, { source, sourcePort, destination, destinationPort }: Packet): Entry | undefined {
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
