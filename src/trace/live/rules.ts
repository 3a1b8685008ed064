import { NETLINK_NETFILTER, NetlinkSocket } from '../../kernel/netlink/socket.ts'
import type { TableFamily } from '../../kernel/nftables/message.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import { readTrace, type TraceEvent } from '../../kernel/nftables/trace.ts'
import { whenReadable } from '../../kernel/reactor.ts'
import type { Observation } from '../observation.ts'
import type { Watched } from '../observe/places.ts'
import type { Queue } from '../observe/queue.ts'
import { ruleText, verdictText } from '../observe/rule-text.ts'
import { type Ip, readIp } from '../packet/ip.ts'

const NFNLGRP_NFTRACE = 9
/** Packets whose lines are still coming; the kernel gives one the number of another only after a long time. */
const mostPackets = 4096
const mostEvents = 20_000
/** Rules change while they are watched; they are read again at most so often, in milliseconds. */
const oftenMs = 1000

/** Listens to nf_tables' traces and tells them at once. Everybody who listens in a namespace hears of everybody's packets: `isMine` tells them apart. */
export class LiveRules {
  readonly #at: Watched
  readonly #isMine: (ip: Ip) => boolean
  readonly #queue: Queue<Observation>
  readonly #socket: NetlinkSocket
  readonly #stop: () => void
  readonly #mine = new Map<number, boolean>()
  readonly #texts = new Map<string, string>()
  readonly #read = new Map<string, number>()
  #events = 0
  #lost = false

  constructor(at: Watched, isMine: (ip: Ip) => boolean, queue: Queue<Observation>) {
    this.#at = at
    this.#isMine = isMine
    this.#queue = queue
    const buffer = 1024 * 1024
    this.#socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns: at.ns, groups: [NFNLGRP_NFTRACE], buffer })
    this.#stop = whenReadable(this.#socket.fd, () => this.drain())
  }

  drain(): void {
    const { messages, lost } = this.#socket.receive()
    if (lost) this.#lose()
    for (const message of messages) {
      const event = readTrace(message)
      if (!event || !this.#wanted(event)) continue
      this.#events++
      if (this.#events > mostEvents) return this.#lose()
      this.#tell(event)
    }
  }

  close(): void {
    this.#stop()
    this.#socket.close()
  }

  /** The first line of each chain carries the packet. */
  #wanted({ id, network, transport, table }: TraceEvent): boolean {
    let mine = this.#mine.get(id)
    if (mine === undefined) {
      const ip = network && readIp(Buffer.concat([network, transport ?? new Uint8Array()]))
      if (!ip) return false
      mine = this.#isMine(ip)
      if (this.#mine.size >= mostPackets) this.#mine.clear()
      this.#mine.set(id, mine)
    }
    // The tables that only ask for the trace have no say in what happens.
    return mine && !table.startsWith('kubehop-trace-')
  }

  #tell(event: TraceEvent): void {
    const { id, table, chain, handle, network, transport } = event
    this.#queue.push({
      kind: 'rule',
      place: this.#at.place,
      packet: id,
      table,
      chain,
      verdict: verdictText(event),
      // The end of a chain's rules comes as a rule without a handle.
      ...(event.type === 'rule' && handle !== undefined && { rule: this.#textOf(table, event.family, handle) }),
      ...(network && { bytes: Buffer.concat([network, transport ?? new Uint8Array()]).toString('base64') }),
    })
  }

  #textOf(table: string, family: TableFamily, handle: bigint): string {
    const key = `${family} ${table} ${handle}`
    const now = performance.now()
    if (!this.#texts.has(key) && now - (this.#read.get(`${family} ${table}`) ?? -oftenMs) >= oftenMs) {
      this.#read.set(`${family} ${table}`, now)
      using nft = openNftables(this.#at.ns, { buffer: 1024 * 1024 })
      for (const rule of nft.rules({ name: table, family }))
        this.#texts.set(`${family} ${table} ${rule.handle}`, ruleText(rule))
    }
    return this.#texts.get(key) ?? `rule ${handle}`
  }

  #lose(): void {
    if (this.#lost) return
    this.#lost = true
    this.#queue.push({ kind: 'lost', place: this.#at.place, say: 'some lines of the rules’ trace were lost' })
  }
}
