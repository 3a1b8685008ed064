import type { Netns } from '../../kernel/netns.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '../../kernel/netlink/socket.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import type { PlacedRule } from '../../kernel/nftables/rule.ts'
import { readTrace, type TraceEvent } from '../../kernel/nftables/trace.ts'
import type { TableFamily } from '../../kernel/nftables/message.ts'
import { whenReadable } from '../../kernel/reactor.ts'
import { KubehopError } from '../../base/errors.ts'
import type { RuleMet } from '../observation.ts'
import { type Ip, readIp } from '../packet/ip.ts'
import type { Watched } from './places.ts'
import type { Queue } from './queue.ts'
import { verdictText } from './rule-text.ts'

const NFNLGRP_NFTRACE = 9
/** Packets whose lines are still coming; the kernel gives one the number of another only after a long time. */
const mostPackets = 4096

/** The lines of nf_tables' traces in a namespace. Who listens hears of everybody's packets: `isMine` tells them apart. */
export class RuleLines {
  readonly #isMine: (ip: Ip) => boolean
  readonly #socket: NetlinkSocket
  readonly #stop: () => void
  readonly #mine = new Map<number, boolean>()

  /** `onReadable`: it is time to {@link read}; what is thrown then ends the queue. */
  constructor(ns: Netns | undefined, isMine: (ip: Ip) => boolean, queue: Queue<unknown>, onReadable: () => void) {
    this.#isMine = isMine
    const buffer = 1024 * 1024
    this.#socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns, groups: [NFNLGRP_NFTRACE], buffer })
    this.#stop = whenReadable(this.#socket.fd, () => queue.attempt(onReadable))
  }

  /** What has arrived since the last call. `lost`: other lines found no room. */
  read(): { lines: TraceEvent[]; lost: boolean } {
    const { messages, lost } = this.#socket.receive()
    return { lines: messages.flatMap((message) => readTrace(message) ?? []).filter((one) => this.#wanted(one)), lost }
  }

  close(): void {
    this.#stop()
    this.#socket.close()
  }

  /** The first line of each chain carries the packet. */
  #wanted(line: TraceEvent): boolean {
    if (line.network) {
      const ip = readIp(bytesOf(line))
      if (this.#mine.size >= mostPackets) this.#mine.clear()
      this.#mine.set(line.id, ip !== undefined && this.#isMine(ip))
    }
    return this.#mine.get(line.id) ?? false
  }
}

/** The packet's headers, as far as the line carries them. */
export function bytesOf({ network, transport }: TraceEvent): Buffer {
  return Buffer.concat([network ?? new Uint8Array(), transport ?? new Uint8Array()])
}

/** `textOf`: what the rule of the line says. */
export function ruleMet(line: TraceEvent, { place }: Watched, textOf: (handle: bigint) => string): RuleMet {
  const { id, table, chain, handle, network } = line
  return {
    kind: 'rule',
    place,
    packet: id,
    table,
    chain,
    verdict: verdictText(line),
    // The end of a chain's rules comes as a rule without a handle.
    ...(line.type === 'rule' && handle !== undefined && { rule: textOf(handle) }),
    ...(network && { bytes: bytesOf(line).toString('base64') }),
  }
}

/** None where the table has gone meanwhile, or is another program's that cannot be read: its rules have their handles for names then. */
export function rulesOf({ ns }: Watched, name: string, family: TableFamily): PlacedRule[] {
  try {
    using nft = openNftables(ns, { buffer: 1024 * 1024 })
    return nft.rules({ name, family })
  } catch (error) {
    if (error instanceof KubehopError) return []
    throw error
  }
}
