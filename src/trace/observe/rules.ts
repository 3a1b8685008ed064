import { NETLINK_NETFILTER, NetlinkSocket } from '../../kernel/netlink/socket.ts'
import type { TableFamily } from '../../kernel/nftables/message.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import { readTrace, type TraceEvent } from '../../kernel/nftables/trace.ts'
import type { Netns } from '../../kernel/netns.ts'
import { whenReadable } from '../../kernel/reactor.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Observation, Place, RuleMet } from '../observation.ts'
import { flagTable } from './flag.ts'
import type { Queue } from './queue.ts'
import { ruleText, verdictText } from './rule-text.ts'
import type { WatchSpec } from './spec.ts'

const NFNLGRP_NFTRACE = 9
const mostEvents = 2000
const mostPerRequest = 100

/** Listens to nf_tables' traces in a namespace. They are told at the end, when each rule is looked up by its handle. */
export class RuleWatch {
  readonly #place: Place
  readonly #ns: Netns | undefined
  readonly #queue: Queue<Observation>
  readonly #socket: NetlinkSocket
  readonly #stop: () => void
  readonly #events: TraceEvent[] = []
  readonly #local: TraceEvent[] = []
  readonly #isSender: boolean
  /** The table that asks for this trace (flag.ts). */
  readonly #own: string
  readonly #most: number
  #lost = false

  constructor(
    place: Place,
    ns: Netns | undefined,
    { id, isSender = false, span = 1 }: WatchSpec,
    queue: Queue<Observation>,
  ) {
    this.#isSender = isSender
    this.#own = flagTable(id)
    this.#most = mostEvents + mostPerRequest * (span - 1)
    this.#place = place
    this.#ns = ns
    this.#queue = queue
    this.#socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      ns,
      groups: [NFNLGRP_NFTRACE],
      buffer: 1024 * 1024,
    })
    this.#stop = whenReadable(this.#socket.fd, () => this.#receive())
  }

  drain(): void {
    this.#receive()
    if (this.#lost)
      this.#queue.push({ kind: 'lost', place: this.#place, say: 'some lines of the rules’ trace were lost' })
    const texts = this.#texts()
    for (const event of this.#events) this.#queue.push(this.#told(event, texts))
    this.#tellLocal()
  }

  close(): void {
    this.#stop()
    this.#socket.close()
  }

  #receive(): void {
    const { messages, lost } = this.#socket.receive()
    if (lost) this.#lost = true
    for (const message of messages) {
      const event = readTrace(message)
      // The table that only asks for the trace has no say in what happens.
      if (!event) continue
      if (event.table.startsWith('kubehop-trace-')) {
        // Others are traced on this machine at the same time, and a listener hears of all.
        if (this.#isSender && event.table === this.#own && event.chain !== 'prerouting' && event.network) this.#local.push(event)
        continue
      }
      if (this.#events.length < this.#most) this.#events.push(event)
      else this.#lost = true
    }
  }

  #tellLocal(): void {
    if (this.#local.length === 0) return
    using socket = openRouteSocket(this.#ns)
    const names = new Map(socket.links().map(({ index, name }) => [index, name]))
    for (const { chain, iif, oif, network, transport } of this.#local) {
      const index = chain === 'output' ? oif : iif
      this.#queue.push({
        kind: 'local',
        place: this.#place,
        device: (index === undefined ? undefined : names.get(index)) ?? '',
        direction: chain === 'output' ? 'out' : 'in',
        bytes: Buffer.concat([network ?? new Uint8Array(), transport ?? new Uint8Array()]).toString('base64'),
      })
    }
  }

  #told(event: TraceEvent, texts: ReadonlyMap<string, string>): RuleMet {
    const { id, table, chain, handle, network, transport } = event
    const rule = handle === undefined ? undefined : texts.get(`${table} ${handle}`)
    return {
      kind: 'rule',
      place: this.#place,
      packet: id,
      table,
      chain,
      verdict: verdictText(event),
      // The end of a chain's rules comes as a rule without a handle.
      ...(event.type === 'rule' && handle !== undefined && { rule: rule ?? `rule ${handle}` }),
      ...(network && { bytes: Buffer.concat([network, transport ?? new Uint8Array()]).toString('base64') }),
    }
  }

  /** Every rule of the tables that were met, by table and handle. */
  #texts(): Map<string, string> {
    const tables = new Map<string, TableFamily>(this.#events.map(({ table, family }) => [table, family]))
    const texts = new Map<string, string>()
    if (tables.size === 0) return texts
    using nft = openNftables(this.#ns, { buffer: 1024 * 1024 })
    for (const [name, family] of tables)
      for (const rule of nft.rules({ name, family })) texts.set(`${name} ${rule.handle}`, ruleText(rule))
    return texts
  }
}
