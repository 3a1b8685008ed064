import { type Address, address, type Family } from '../../base/address.ts'
import type { Answer } from '../answer/answer.ts'
import { plainAnswer } from '../answer/plain.ts'
import type { Reply } from '../forward/reply.ts'
import { rcodes } from '../wire/message.ts'
import type { Query } from '../wire/query.ts'

export type Transport = 'udp' | 'tcp'

/** Who asks. */
export interface Asker {
  readonly transport: Transport
  readonly family: Family
  /** Where the question came from; made when it is asked for, because most answers do not depend on it. */
  address(): Address
}

/** What is said to one question, and where it comes from. */
export type Said = {
  /** In a word or two, for people: `service shop/web`, `9.9.9.9 port 53`, `hosts`. */
  readonly from: string
} & (
  | {
      /** Ours. */
      readonly answer: Answer
      /** The AA bit: this server speaks for the name. */
      readonly authoritative: boolean
      /** The TC bit, where it does not follow from the length: what an upstream could not say whole. */
      readonly truncated?: boolean
    }
  | {
      /** An upstream's, passed on. */
      readonly reply: Reply
    }
)

/**
 * One of those who are asked in order: the first that says something has the last word. What it rejects with is told to the log and answered by SERVFAIL.
 */
export interface Handler {
  /** As it stands in the query log and in metrics. */
  readonly name: HandlerName
  /** undefined: not mine, ask the next one. The question is of class IN and no transfer. */
  handle(query: Query, asker: Asker): Said | undefined | Promise<Said | undefined>
}

/** Until the whole cluster is known: clients ask again then, while "no such name" would be believed and remembered. */
export const notYet: Said = { answer: plainAnswer(rcodes.SERVFAIL), authoritative: false, from: 'not yet synced' }

/** In the order in which they are asked. */
export const handlerNames = ['autopath', 'cluster', 'reverse', 'hosts', 'stub', 'forward'] as const
export type HandlerName = (typeof handlerNames)[number]

/** `text`: the address as Node's sockets tell it. */
export function askerAt(transport: Transport, text: string): Asker {
  return {
    transport,
    family: text.includes(':') ? 6 : 4,
    // Of a socket that takes both families: ::ffff:10.0.0.1.
    address: () => address(text.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')),
  }
}
