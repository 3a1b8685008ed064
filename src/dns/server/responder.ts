import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { compose, refuse, udpLimit } from '../answer/compose.ts'
import { plainAnswer } from '../answer/plain.ts'
import { relay } from '../answer/relay.ts'
import type { Asker, Handler, HandlerName, Said } from '../handlers/handler.ts'
import type { ReadyAnswers } from '../handlers/ready.ts'
import { explained } from '../wire/explain.ts'
import { flags, rcodes, types } from '../wire/message.ts'
import { owned, type Query, readQuery } from '../wire/query.ts'

export interface ResponderOptions {
  /** In the order in which they are asked. */
  readonly handlers: readonly Handler[]
  /** Looked at before any of them is asked. */
  readonly ready: Pick<ReadyAnswers, 'get'>
  /** Names outside the cluster can be asked for, too: the RA bit. */
  readonly recursive: boolean
  readonly log: Log
}

/** Told of a question that was understood, when it has been answered. `by`: undefined when no handler had an answer. */
export type Told = (query: Query, asker: Asker, by: HandlerName | undefined, said: Said, reply: Buffer) => void

/** undefined: the message gets no answer. What comes at once is overwritten by the next reply; what was waited for is not. */
export type Reaction = Buffer | undefined | Promise<Buffer>

/** Turns one message into its reply, by asking the handlers in their order. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #available: number

  constructor(options: ResponderOptions) {
    this.#options = options
    this.#available = options.recursive ? flags.RA : 0
  }

  /** `bytes` may be overwritten once this has returned. */
  react(bytes: Buffer, asker: Asker, told?: Told): Reaction {
    const query = readQuery(bytes)
    if (query === undefined) return undefined
    if ('rcode' in query) return refuse(bytes, query.rcode)
    const limit = asker.transport === 'udp' ? udpLimit(query) : 0xffff
    if (query.opt && query.opt.version !== 0)
      return this.#finish(query, asker, undefined, unasked(rcodes.BADVERS), limit, told)
    if (query.class !== 1 || query.type === types.AXFR || query.type === types.IXFR)
      return this.#finish(query, asker, undefined, unasked(rcodes.REFUSED), limit, told)
    const ready = this.#options.ready.get(query)
    if (ready) return this.#finish(query, asker, ready.by, ready, limit, told)
    return this.#ask(owned(query), asker, limit, told, 0)
  }

  #ask(query: Query, asker: Asker, limit: number, told: Told | undefined, from: number): Buffer | Promise<Buffer> {
    const { handlers } = this.#options
    for (let at = from; at < handlers.length; at++) {
      const handler = handlers[at] as Handler
      const said = handler.handle(query, asker)
      if (said instanceof Promise)
        return said.then(
          async (came) => {
            if (came) return Buffer.from(this.#finish(query, asker, handler.name, came, limit, told))
            const next = this.#ask(query, asker, limit, told, at + 1)
            // Not awaited before it is copied: by then it is another question's answer.
            return next instanceof Promise ? next : Buffer.from(next)
          },
          (error: unknown) => {
            this.#options.log.debug({ handler: handler.name, error: messageOf(error) }, 'no answer could be had')
            const failed: Said = { ...unasked(rcodes.SERVFAIL), from: messageOf(error) }
            return Buffer.from(this.#finish(query, asker, handler.name, failed, limit, told))
          },
        )
      if (said) return this.#finish(query, asker, handler.name, said, limit, told)
    }
    return this.#finish(query, asker, undefined, unasked(rcodes.REFUSED), limit, told)
  }

  #finish(
    query: Query,
    asker: Asker,
    by: HandlerName | undefined,
    said: Said,
    limit: number,
    told: Told | undefined,
  ): Buffer {
    const plain = this.#reply(query, said, limit)
    const reply = query.opt?.explain === true ? explained(plain, sayWho(by, said), limit) : plain
    told?.(query, asker, by, said, reply)
    return reply
  }

  #reply(query: Query, said: Said, limit: number): Buffer {
    if ('reply' in said) return relay(query, said.reply, limit)
    const flagged = (said.authoritative ? flags.AA : 0) | (said.truncated ? flags.TC : 0)
    return compose(query, said.answer, flagged | this.#available, limit)
  }
}

/** Who gave an answer, and from what: `cluster: service shop/web`. */
export function sayWho(by: HandlerName | undefined, { from }: Said): string {
  const who = by ?? 'nobody'
  return from === who ? who : `${who}: ${from}`
}

/** Said by the server itself. */
function unasked(rcode: number): Extract<Said, { answer: unknown }> {
  return { answer: plainAnswer(rcode), authoritative: false, from: 'nobody' }
}
