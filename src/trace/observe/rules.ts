import type { PlacedRule } from '../../kernel/nftables/rule.ts'
import type { TraceEvent } from '../../kernel/nftables/trace.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Observation, RuleMet } from '../observation.ts'
import { flagTable, isFlagTable } from './flag.ts'
import { hasNumber } from './number.ts'
import type { Watched } from './places.ts'
import type { Queue } from './queue.ts'
import { bytesOf, RuleLines, ruleMet, rulesOf } from './rule-lines.ts'
import { ruleText } from './rule-text.ts'
import type { WatchSpec } from './spec.ts'

const mostLines = 2000
const mostPerRequest = 100

/** Listens to nf_tables' traces in a namespace. They are told at the end, when each rule is looked up by its handle. */
export class RuleWatch {
  readonly #at: Watched
  readonly #queue: Queue<Observation>
  readonly #lines: RuleLines
  readonly #heard: TraceEvent[] = []
  readonly #local: TraceEvent[] = []
  readonly #isSender: boolean
  /** The table that asks for this trace (flag.ts). */
  readonly #own: string
  readonly #most: number
  #lost = false

  constructor(at: Watched, { id, port, isSender = false, span = 1 }: WatchSpec, queue: Queue<Observation>) {
    this.#at = at
    this.#isSender = isSender
    this.#own = flagTable(id)
    this.#most = mostLines + mostPerRequest * (span - 1)
    this.#queue = queue
    this.#lines = new RuleLines(
      at.ns,
      (ip) => hasNumber(ip, { port, span }),
      queue,
      () => this.#read(),
    )
  }

  drain(): void {
    this.#read()
    if (this.#lost)
      this.#queue.push({ kind: 'lost', place: this.#at.place, say: 'some lines of the rules’ trace were lost' })
    const rules = this.#rules()
    for (const line of this.#heard) this.#queue.push(this.#told(line, rules))
    this.#tellLocal()
  }

  close(): void {
    this.#lines.close()
  }

  #read(): void {
    const { lines, lost } = this.#lines.read()
    if (lost) this.#lost = true
    for (const line of lines) {
      if (isFlagTable(line.table)) {
        // Others are traced on this machine at the same time, and a listener hears of all.
        if (this.#isSender && line.table === this.#own && line.chain !== 'prerouting' && line.network)
          this.#local.push(line)
      } else if (this.#heard.length < this.#most) this.#heard.push(line)
      else this.#lost = true
    }
  }

  #tellLocal(): void {
    if (this.#local.length === 0) return
    using socket = openRouteSocket(this.#at.ns)
    const names = new Map(socket.links().map(({ index, name }) => [index, name]))
    for (const line of this.#local) {
      const index = line.chain === 'output' ? line.oif : line.iif
      this.#queue.push({
        kind: 'local',
        place: this.#at.place,
        device: (index === undefined ? undefined : names.get(index)) ?? '',
        direction: line.chain === 'output' ? 'out' : 'in',
        bytes: bytesOf(line).toString('base64'),
      })
    }
  }

  #told(line: TraceEvent, rules: ReadonlyMap<string, PlacedRule>): RuleMet {
    const rule = line.handle === undefined ? undefined : rules.get(`${line.family} ${line.table} ${line.handle}`)
    const met = ruleMet(line, this.#at, (handle) => (rule ? ruleText(rule) : `rule ${handle}`))
    // The kernel throws away what it refuses with an answer.
    const isRefused = met.verdict === 'drop' && rule?.exprs.some(({ kind }) => kind === 'reject')
    return isRefused ? { ...met, verdict: 'reject' } : met
  }

  /** Every rule of the tables that were met, by table and handle. */
  #rules(): Map<string, PlacedRule> {
    const tables = new Map(this.#heard.map((line) => [`${line.family} ${line.table}`, line]))
    const rules = new Map<string, PlacedRule>()
    for (const [of, { table, family }] of tables)
      for (const rule of rulesOf(this.#at, table, family)) rules.set(`${of} ${rule.handle}`, rule)
    return rules
  }
}
