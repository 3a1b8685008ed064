import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/errors.ts'
import type { Forwarder } from '../forward/forward.ts'
import { flags, rcodes, types } from '../wire/message.ts'
import { labelsOf, type Query, readQuery } from '../wire/query.ts'
import type { Zone } from '../zone/zone.ts'
import { followAlias } from './alias.ts'
import { type Answer, makeAnswer } from './answer.ts'
import { compose, refuse, udpLimit } from './compose.ts'
import { Negatives } from './negative.ts'
import { relay } from './relay.ts'

export interface ResponderOptions {
  zone: Zone
  /** Without one, names that are not the cluster's are refused. */
  forward?: Forwarder
  /** Before this is true every answer about the cluster is SERVFAIL: half a cluster must not look like a whole one. */
  synced: () => boolean
  log: Log
}

export type Transport = 'udp' | 'tcp'
export type Reaction = Buffer | undefined | Promise<Buffer>

/** Turns one message into its reply. Answers about services are kept ready until an object they come from changes. */
export class Responder {
  readonly #options: ResponderOptions
  /** By name and type. Only names that exist are kept, so questions from outside cannot fill the memory. */
  readonly #ready = new Map<string, Answer>()
  readonly #negatives: Negatives
  /** What every answer's flags say besides the question's own. */
  readonly #ours: number

  constructor(options: ResponderOptions) {
    this.#options = options
    this.#negatives = new Negatives(options.zone)
    this.#ours = flags.AA | (options.forward ? flags.RA : 0)
    options.zone.onStale = (keys) => {
      for (const key of keys) this.#ready.delete(key)
    }
  }

  /** undefined: the message gets no answer. */
  react(bytes: Buffer, transport: Transport): Reaction {
    const query = readQuery(bytes)
    if (query === undefined) return undefined
    if ('rcode' in query) return refuse(bytes, query.rcode)
    const limit = transport === 'udp' ? udpLimit(query) : 0xffff
    if (query.opt && query.opt.version !== 0) return this.#plain(query, rcodes.BADVERS, limit)
    if (query.class !== 1 || query.type === types.AXFR || query.type === types.IXFR)
      return this.#plain(query, rcodes.REFUSED, limit)
    const key = query.name + String.fromCharCode(query.type)
    const ready = this.#ready.get(key)
    if (ready) return compose(query, ready, this.#ours, limit)
    return this.#find(query, key, limit)
  }

  #find(query: Query, key: string, limit: number): Reaction {
    const { zone, forward } = this.#options
    const labels = labelsOf(query.name)
    const found = zone.find(labels, query.type)
    if (found.kind === 'not ours') return forward ? this.#forward(query, forward, limit) : this.#refused(query, limit)
    if (!this.#options.synced()) return this.#plain(query, rcodes.SERVFAIL, limit)
    switch (found.kind) {
      case 'records': {
        const answer = makeAnswer(nameOf(query), found)
        if (found.owner) {
          this.#ready.set(key, answer)
          found.owner.keys.push(key)
        }
        return compose(query, answer, this.#ours, limit)
      }
      case 'alias':
        return followAlias(query, found.target, zone, forward).then(
          ({ answer, truncated }) => compose(query, answer, this.#ours | (truncated ? flags.TC : 0), limit),
          (error: unknown) => this.#failed(query, error, limit),
        )
      default:
        return compose(query, this.#negatives.answer(query, found, labels), this.#ours, limit)
    }
  }

  #forward(query: Query, forward: Forwarder, limit: number): Reaction {
    const unchecked = (query.bytes.readUInt16BE(2) & flags.CD) !== 0
    const asked = { name: query.name, type: query.type, dnssec: query.opt?.dnssec === true, unchecked }
    const reply = forward.ask(asked)
    if (!(reply instanceof Promise)) return relay(query, reply, limit)
    return reply.then(
      (came) => relay(query, came, limit),
      (error: unknown) => this.#failed(query, error, limit),
    )
  }

  #failed(query: Query, error: unknown, limit: number): Buffer {
    this.#options.log.debug({ error: messageOf(error) }, 'no upstream answered')
    return this.#plain(query, rcodes.SERVFAIL, limit)
  }

  #refused(query: Query, limit: number): Buffer {
    return this.#plain(query, rcodes.REFUSED, limit)
  }

  /** No records, only a code: nothing that we speak for. */
  #plain(query: Query, rcode: number, limit: number): Buffer {
    return compose(query, { ...empty, rcode }, this.#ours & ~flags.AA, limit)
  }
}

const empty: Answer = {
  rcode: 0,
  tail: Buffer.alloc(0),
  ends: [],
  answers: 0,
  authorities: 0,
  additionals: 0,
  runs: [],
}

function nameOf({ bytes, end }: Query): Uint8Array {
  return bytes.subarray(12, end - 4)
}
