import type { HandlerName, Said } from '../handlers/handler.ts'
import { rcodes, types } from '../wire/message.ts'
import { nameOf, type Query } from '../wire/query.ts'
import type { Found, Zone } from '../zone/zone.ts'
import { type Answer, makeAnswer } from './answer.ts'

type Negative = Said & { readonly answer: Answer; readonly by: HandlerName }

/** "No such name" and "no such data", each with the SOA that says how long that may be remembered (RFC 2308). */
export class Negatives {
  readonly #zone: Zone
  readonly #wireLength: number
  readonly #depth: number
  /** They differ only in where the zone's name stands in the question: at most 255 of each, for the present serial. */
  #ready: (Negative | undefined)[] = []
  #serial = 0

  constructor(zone: Zone) {
    this.#zone = zone
    this.#wireLength = zone.options.zone.length + 2
    this.#depth = zone.options.zone.split('.').length
  }

  answer(query: Query, found: Extract<Found, { apex: number }>, labels: readonly string[]): Answer {
    if (query.type === types.ANY && found.kind === 'no data') return minimal(query, labels)
    const rcode = found.kind === 'no data' ? rcodes.NOERROR : rcodes.NXDOMAIN
    const apex = labels.slice(labels.length - found.apex).join('.')
    if (found.apex === this.#depth && apex === this.#zone.options.zone) return this.inZone(query, rcode).answer
    return makeAnswer(nameOf(query), { answers: [], authorities: [this.#zone.soa(apex)] }, rcode)
  }

  /** For a name of the zone: NOERROR without data, or NXDOMAIN. */
  inZone(query: Query, rcode: 0 | 3): Negative {
    if (this.#serial !== this.#zone.serial) this.#ready = []
    this.#serial = this.#zone.serial
    return (this.#ready[((query.end - this.#wireLength) << 2) | rcode] ??= this.#make(query, rcode))
  }

  #make(query: Query, rcode: 0 | 3): Negative {
    const name = nameOf(query)
    const from = name.length - this.#wireLength
    const answer = makeAnswer(name, { answers: [], authorities: [this.#zone.soa()] }, rcode, from)
    return { answer, authoritative: true, from: rcode === rcodes.NOERROR ? 'no data' : 'no such name', by: 'cluster' }
  }
}

/** RFC 8482: ANY of a name that exists has this answer instead of everything there is. */
function minimal(query: Query, labels: readonly string[]): Answer {
  const name = labels.join('.')
  const answers = [{ name, class: 1, ttl: 3600, type: 'HINFO' as const, strings: ['RFC8482', ''] }]
  return makeAnswer(nameOf(query), { answers })
}
