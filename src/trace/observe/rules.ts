import { NETLINK_NETFILTER, NetlinkSocket } from '../../kernel/netlink/socket.ts'
import type { PlacedRule } from '../../kernel/nftables/rule.ts'
import type { TableFamily } from '../../kernel/nftables/message.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import { readTrace, type TraceEvent } from '../../kernel/nftables/trace.ts'
import { whenReadable } from '../../kernel/reactor.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Observation, RuleMet } from '../observation.ts'
import { readIp } from '../packet/ip.ts'
import { hasNumber } from './number.ts'
import { flagTable } from './flag.ts'
import type { Watched } from './places.ts'
import type { Queue } from './queue.ts'
import { ruleText, verdictText } from './rule-text.ts'
import type { WatchSpec } from './spec.ts'

const NFNLGRP_NFTRACE = 9
const mostEvents = 2000
const mostPerRequest = 100
const mostIds = 4096

/** Listens to nf_tables' traces in a namespace. They are told at the end, when each rule is looked up by its handle. */
export class RuleWatch {
  readonly #at: Watched
  readonly #queue: Queue<Observation>
  readonly #socket: NetlinkSocket
  readonly #stop: () => void
  readonly #events: TraceEvent[] = []
  readonly #local: TraceEvent[] = []
  readonly #mine = new Map<number, boolean>()
  readonly #spec: Pick<WatchSpec, 'port' | 'span'>
  readonly #isSender: boolean
  /** The table that asks for this trace (flag.ts). */
  readonly #own: string
  readonly #most: number
  #lost = false

  constructor(at: Watched, { id, port, isSender = false, span = 1 }: WatchSpec, queue: Queue<Observation>) {
    this.#at = at
    this.#isSender = isSender
    this.#own = flagTable(id)
    this.#spec = { port, span }
    this.#most = mostEvents + mostPerRequest * (span - 1)
    this.#queue = queue
    this.#socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      ns: at.ns,
      groups: [NFNLGRP_NFTRACE],
      buffer: 1024 * 1024,
    })
    this.#stop = whenReadable(this.#socket.fd, () => this.#receive())
  }

  drain(): void {
    this.#receive()
    if (this.#lost)
      this.#queue.push({ kind: 'lost', place: this.#at.place, say: 'some lines of the rules’ trace were lost' })
    const rules = this.#rules()
    for (const event of this.#events) this.#queue.push(this.#told(event, rules))
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
      if (!event || !this.#isMine(event)) continue
      if (event.table.startsWith('kubehop-trace-')) {
        // Others are traced on this machine at the same time, and a listener hears of all.
        if (this.#isSender && event.table === this.#own && event.chain !== 'prerouting' && event.network)
          this.#local.push(event)
        continue
      }
      if (this.#events.length < this.#most) this.#events.push(event)
      else this.#lost = true
    }
  }

  /** By the packet, which the first line of each chain carries: a listener hears of everybody's, and others are traced at the same time. */
  #isMine({ id, network, transport }: TraceEvent): boolean {
    if (network) {
      const ip = readIp(Buffer.concat([network, transport ?? new Uint8Array()]))
      if (this.#mine.size >= mostIds) this.#mine.clear()
      this.#mine.set(id, ip === undefined || hasNumber(ip, this.#spec))
    }
    return this.#mine.get(id) ?? true
  }

  #tellLocal(): void {
    if (this.#local.length === 0) return
    using socket = openRouteSocket(this.#at.ns)
    const names = new Map(socket.links().map(({ index, name }) => [index, name]))
    for (const { chain, iif, oif, network, transport } of this.#local) {
      const index = chain === 'output' ? oif : iif
      this.#queue.push({
        kind: 'local',
        place: this.#at.place,
        device: (index === undefined ? undefined : names.get(index)) ?? '',
        direction: chain === 'output' ? 'out' : 'in',
        bytes: Buffer.concat([network ?? new Uint8Array(), transport ?? new Uint8Array()]).toString('base64'),
      })
    }
  }

  #told(event: TraceEvent, rules: ReadonlyMap<string, PlacedRule>): RuleMet {
    const { id, table, chain, handle, network, transport } = event
    const rule = handle === undefined ? undefined : rules.get(`${table} ${handle}`)
    const verdict = verdictText(event)
    return {
      kind: 'rule',
      place: this.#at.place,
      packet: id,
      table,
      chain,
      // The kernel throws away what it refuses with an answer.
      verdict: verdict === 'drop' && rule?.exprs.some(({ kind }) => kind === 'reject') ? 'reject' : verdict,
      // The end of a chain's rules comes as a rule without a handle.
      ...(event.type === 'rule' &&
        handle !== undefined && {
          rule: rule ? ruleText(rule) : `rule ${handle}`,
        }),
      ...(network && { bytes: Buffer.concat([network, transport ?? new Uint8Array()]).toString('base64') }),
    }
  }

  /** Every rule of the tables that were met, by table and handle. */
  #rules(): Map<string, PlacedRule> {
    const tables = new Map<string, TableFamily>(this.#events.map(({ table, family }) => [table, family]))
    const rules = new Map<string, PlacedRule>()
    if (tables.size === 0) return rules
    using nft = openNftables(this.#at.ns, { buffer: 1024 * 1024 })
    for (const [name, family] of tables)
      for (const rule of nft.rules({ name, family })) rules.set(`${name} ${rule.handle}`, rule)
    return rules
  }
}
