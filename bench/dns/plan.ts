import type { Helper } from '../harness/helper.ts'
import type { Answer, Order as ApiOrder } from './api.ts'
import type { Contestant, Name } from './contestants.ts'
import type { Dnsperf } from './dnsperf.ts'
import type { Generator } from './turns.ts'

export interface Plan {
  readonly mixRounds: number
  readonly mixSeconds: number
  /** Of the single kinds of questions. */
  readonly kindRounds: number
  readonly kindSeconds: number
  readonly halfRounds: number
  readonly halfSeconds: number
  readonly changes: number
  /** With dnsperf, where it is here. */
  readonly dnsperfRounds: number
}

export interface Place {
  readonly api: Helper<ApiOrder, Answer>
  readonly generator: Generator
  readonly here: ReadonlyMap<Name, Contestant>
  readonly dnsperf: Dnsperf | undefined
}

/** Something of each contestant. */
export type Of<Value> = ReadonlyMap<Name, Value>
