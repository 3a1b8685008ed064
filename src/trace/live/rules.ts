import type { TraceEvent } from '../../kernel/nftables/trace.ts'
import type { Observation } from '../observation.ts'
import { isFlagTable } from '../observe/flag.ts'
import type { Watched } from '../observe/places.ts'
import type { Queue } from '../observe/queue.ts'
import { RuleLines, ruleMet, rulesOf } from '../observe/rule-lines.ts'
import { ruleText } from '../observe/rule-text.ts'
import type { Ip } from '../packet/ip.ts'

const mostLines = 20_000
/** Rules change while they are watched; they are read again at most so often, in milliseconds. */
const oftenMs = 1000

/** Listens to nf_tables' traces and tells them at once. */
export class LiveRules {
  readonly #at: Watched
  readonly #queue: Queue<Observation>
  readonly #lines: RuleLines
  readonly #texts = new Map<string, string>()
  readonly #read = new Map<string, number>()
  #count = 0
  #lost = false

  constructor(at: Watched, isMine: (ip: Ip) => boolean, queue: Queue<Observation>) {
    this.#at = at
    this.#queue = queue
    this.#lines = new RuleLines(at.ns, isMine, queue, () => this.drain())
  }

  drain(): void {
    const { lines, lost } = this.#lines.read()
    if (lost) this.#lose()
    for (const line of lines) {
      if (isFlagTable(line.table)) continue
      this.#count++
      if (this.#count > mostLines) return this.#lose()
      this.#queue.push(ruleMet(line, this.#at, (handle) => this.#textOf(line, handle)))
    }
  }

  close(): void {
    this.#lines.close()
  }

  #textOf({ table, family }: TraceEvent, handle: bigint): string {
    const [of, now] = [`${family} ${table}`, performance.now()]
    const key = `${of} ${handle}`
    if (!this.#texts.has(key) && now - (this.#read.get(of) ?? -oftenMs) >= oftenMs) {
      this.#read.set(of, now)
      for (const rule of rulesOf(this.#at, table, family)) this.#texts.set(`${of} ${rule.handle}`, ruleText(rule))
    }
    return this.#texts.get(key) ?? `rule ${handle}`
  }

  #lose(): void {
    if (this.#lost) return
    this.#lost = true
    this.#queue.push({ kind: 'lost', place: this.#at.place, say: 'some lines of the rules’ trace were lost' })
  }
}
