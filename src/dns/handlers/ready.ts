import { Negatives } from '../answer/negative.ts'
import { parseAddress } from '../../base/address.ts'
import { rcodes, types } from '../wire/message.ts'
import { nameToWire } from '../wire/name.ts'
import { labelsOf, type Query } from '../wire/query.ts'
import { inAddrArpa } from '../zone/reverse.ts'
import type { Owner } from '../zone/reverse-index.ts'
import type { Zone } from '../zone/zone.ts'
import type { HandlerName, Said } from './handler.ts'

export type Ready = Said & { readonly by: HandlerName }

export interface ReadyParts {
  readonly zone: Zone
  readonly synced: () => boolean
  /** Nobody is to be asked before the cluster, so that a missing service's name can be answered at once. */
  readonly first: boolean
}

/** Labels right before the zone's name under which there is something. */
const known = new Set(['svc', 'pod', 'dns', 'dns-version'])

/**
 * Answers that are made once and given until an object they come from changes; what they come from keeps them. Only names that exist have such, and only for
 * the types that programs ask, so questions from outside cannot fill the memory.
 */
export class ReadyAnswers {
  readonly #parts: ReadyParts
  readonly #negatives: Negatives
  readonly #zoneWire: Uint8Array

  constructor(parts: ReadyParts) {
    this.#parts = parts
    this.#negatives = new Negatives(parts.zone)
    this.#zoneWire = nameToWire(parts.zone.options.zone) ?? new Uint8Array(1)
  }

  /** undefined: the handlers have to be asked. */
  get(query: Query): Ready | undefined {
    const { folded } = query
    const stop = query.end - 4 - this.#zoneWire.length
    if (stop <= 12 || !endsWith(folded, stop, this.#zoneWire)) return this.#pointer(query)
    // Where the last three labels before the zone's name begin: of a service web.shop.svc.
    let [web, shop, svc, at] = [-1, -1, -1, 12]
    for (; at < stop; at += 1 + (folded[at] as number)) {
      web = shop
      shop = svc
      svc = at
    }
    // A label may hold any bytes, those of the zone's name too.
    if (at !== stop) return undefined
    if (!isSvc(folded, svc))
      return known.has(folded.toString('latin1', svc + 1, stop)) ? undefined : this.#missing(query)
    if (web < 0) return undefined
    const owner = this.#parts.zone.named(folded.toString('latin1', web, svc))
    return owner ? this.#of(owner, query, web) : this.#missing(query)
  }

  /** For the question's next time. */
  keep(query: Query, owner: Owner, ready: Ready | 'no data'): void {
    const stop = query.end - 4 - this.#zoneWire.length
    const labels = labelsOf(query.name)
    const below = endsWith(query.folded, stop, this.#zoneWire) ? labels.slice(0, -3 - this.#parts.zone.apex.length) : []
    const own = below.reduce((at, label) => at + 1 + label.length, 12)
    owner.ready ??= new Kept()
    ;(owner.ready as Kept).keep(query, own, ready)
  }

  /** `own`: where the owner's own name begins. */
  #of({ ready }: Owner, query: Query, own: number): Ready | undefined {
    const kept = (ready as Kept | undefined)?.get(query, own)
    return kept === 'no data' ? this.#negatives.inZone(query, rcodes.NOERROR) : kept
  }

  #missing(query: Query): Ready | undefined {
    const { first, synced } = this.#parts
    return first && synced() ? this.#negatives.inZone(query, rcodes.NXDOMAIN) : undefined
  }

  /** `4.3.2.1.in-addr.arpa` is 1.2.3.4. */
  #pointer(query: Query): Ready | undefined {
    if (query.type !== types.PTR || !query.name.endsWith(inAddrArpa)) return undefined
    const labels = labelsOf(query.name)
    const address = labels.length === 6 ? parseAddress(labels.slice(0, 4).reverse().join('.')) : undefined
    const owner = address && this.#parts.zone.pointer(address)
    return owner && this.#of(owner, query, 12)
  }
}

type Answered = Ready | 'no data' | undefined

/** What is ready of one owner: nearly always of its own name, so that has a place for each type. */
class Kept {
  #a: Answered
  #aaaa: Answered
  #srv: Answered
  #ptr: Answered
  /** Names below its own, in wire form, with the type behind. */
  #below: Map<string, Answered> | undefined

  get(query: Query, own: number): Answered {
    if (own > 12) return this.#below?.get(belowKey(query, own))
    switch (query.type) {
      case types.A:
        return this.#a
      case types.AAAA:
        return this.#aaaa
      case types.SRV:
        return this.#srv
      case types.PTR:
        return this.#ptr
      default:
        return undefined
    }
  }

  /** Other types are not kept: there are 65,536 that could be asked for. */
  keep(query: Query, own: number, answered: Answered): void {
    const { type } = query
    if (own > 12) {
      if (type === types.A || type === types.AAAA || type === types.SRV)
        (this.#below ??= new Map()).set(belowKey(query, own), answered)
    } else if (type === types.A) this.#a = answered
    else if (type === types.AAAA) this.#aaaa = answered
    else if (type === types.SRV) this.#srv = answered
    else if (type === types.PTR) this.#ptr = answered
  }
}

function belowKey({ folded, type }: Query, own: number): string {
  return folded.toString('latin1', 12, own) + String.fromCharCode(type)
}

function endsWith(bytes: Uint8Array, at: number, wire: Uint8Array): boolean {
  for (let i = 0; i < wire.length; i++) if (bytes[at + i] !== wire[i]) return false
  return true
}

function isSvc(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 3 && bytes[at + 1] === 0x73 && bytes[at + 2] === 0x76 && bytes[at + 3] === 0x63
}
