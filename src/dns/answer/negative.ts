import { rcodes, types } from '../wire/message.ts'
import { nameOf, type Query } from '../wire/query.ts'
import type { Found, Zone } from '../zone/zone.ts'
import { type Answer, makeAnswer } from './answer.ts'

/** "No such name" and "no such data", each with the SOA that says how long that may be remembered (RFC 2308). */
export class Negatives {
  readonly #zone: Zone
  readonly #wireLength: number
  /** They differ only in where the zone's name stands in the question: at most 255 of each, for the present serial. */
  readonly #ready = new Map<number, Answer>()
  #serial = 0

  constructor(zone: Zone) {
    this.#zone = zone
    this.#wireLength = zone.options.zone.length + 2
  }

  answer(query: Query, found: Extract<Found, { apex: number }>, labels: readonly string[]): Answer {
    const { zone } = this.#zone.options
    if (query.type === types.ANY && found.kind === 'no data') return minimal(query, labels)
    const rcode = found.kind === 'no data' ? rcodes.NOERROR : rcodes.NXDOMAIN
    const apex = labels.slice(labels.length - found.apex).join('.')
    if (apex !== zone) return makeAnswer(nameOf(query), { answers: [], authorities: [this.#zone.soa(apex)] }, rcode)
    if (this.#serial !== this.#zone.serial) this.#ready.clear()
    this.#serial = this.#zone.serial
    const key = ((query.end - this.#wireLength) << 2) | rcode
    const ready = this.#ready.get(key)
    if (ready) return ready
    const name = nameOf(query)
    const from = name.length - this.#wireLength
    const made = makeAnswer(name, { answers: [], authorities: [this.#zone.soa()] }, rcode, from)
    this.#ready.set(key, made)
    return made
  }
}

/** RFC 8482: ANY of a name that exists has this answer instead of everything there is. */
function minimal(query: Query, labels: readonly string[]): Answer {
  const name = labels.join('.')
  const answers = [{ name, class: 1, ttl: 3600, type: 'HINFO' as const, strings: ['RFC8482', ''] }]
  return makeAnswer(nameOf(query), { answers })
}
