import { randomInt } from 'node:crypto'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { flags, rcodes } from '../wire/message.ts'
import { Cache } from './cache.ts'
import type { Reply } from './reply.ts'
import { askUpstream, type Upstream } from './upstream.ts'

export interface ForwardOptions {
  /** Asked in this order; one that has just failed comes last for a while. */
  upstream: readonly Upstream[]
  log: Log
  /** Per upstream. */
  milliseconds?: number
}

export interface Asked {
  /** In wire form, one character per byte, in lower case. */
  name: string
  type: number
  /** The DO and CD bits (RFC 4035 section 3.2): part of what is asked. */
  dnssec: boolean
  unchecked: boolean
}

/** How long a failed upstream is asked last. */
const restMilliseconds = 5000
/** Questions under way at once; more are refused at once, so that a dead upstream cannot fill the memory. */
const most = 1000

/** Asks other name servers, and keeps what they say for a while. */
export class Forwarder {
  readonly counts = { hits: 0, misses: 0, requests: 0, failures: 0 }
  readonly #options: ForwardOptions
  readonly #cache = new Cache()
  readonly #underWay = new Map<string, Promise<Reply>>()
  readonly #failed = new Map<Upstream, number>()

  constructor(options: ForwardOptions) {
    this.#options = options
  }

  get cached(): number {
    return this.#cache.size
  }

  /** Rejects when no upstream answers. The same question asked again meanwhile waits for the first one's answer. */
  ask(asked: Asked): Promise<Reply> | Reply {
    const key = `${asked.type} ${asked.dnssec ? 1 : 0}${asked.unchecked ? 1 : 0} ${asked.name}`
    const kept = this.#cache.get(key)
    if (kept) {
      this.counts.hits++
      return kept
    }
    this.counts.misses++
    const known = this.#underWay.get(key)
    if (known) return known
    if (this.#underWay.size >= most)
      return Promise.reject(new KubehopError('dns', 'forward', 'TooMany', `${most} questions are under way already`))
    const asking = this.#askAll(asked).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, asking)
    return asking.then((reply) => {
      this.#cache.put(key, reply)
      return reply
    })
  }

  async #askAll(asked: Asked): Promise<Reply> {
    let last: Reply | undefined
    let cause: unknown
    for (const upstream of this.#inOrder()) {
      try {
        this.counts.requests++
        const reply = await this.#askOne(upstream, asked)
        this.#failed.delete(upstream)
        // "I cannot" and "I may not" are reasons to ask the next one.
        if (reply.rcode !== rcodes.SERVFAIL && reply.rcode !== rcodes.REFUSED) return reply
        last = reply
      } catch (error) {
        this.counts.failures++
        this.#failed.set(upstream, performance.now())
        this.#options.log.debug({ upstream: upstream.address, error: messageOf(error) }, 'upstream failed')
        cause = error
      }
    }
    if (last) return last
    throw cause ?? new KubehopError('dns', 'forward', 'NoUpstream', 'no upstream is given')
  }

  async #askOne(upstream: Upstream, asked: Asked): Promise<Reply> {
    const milliseconds = this.#options.milliseconds ?? 2000
    const reply = await askUpstream(upstream, queryFor(asked, true), milliseconds)
    // A server older than EDNS finds the OPT record malformed (RFC 6891 section 7).
    return reply.rcode === rcodes.FORMERR ? askUpstream(upstream, queryFor(asked, false), milliseconds) : reply
  }

  #inOrder(): Upstream[] {
    const now = performance.now()
    const rests = (upstream: Upstream): number =>
      now - (this.#failed.get(upstream) ?? Number.NEGATIVE_INFINITY) < restMilliseconds ? 1 : 0
    return this.#options.upstream.toSorted((a, b) => rests(a) - rests(b))
  }
}

/** The id is random, as the port is: an answer made by a third party has to guess both. */
function queryFor({ name, type, dnssec, unchecked }: Asked, edns: boolean): Buffer {
  const out = Buffer.alloc(12 + name.length + 4 + (edns ? 11 : 0))
  out.writeUInt16BE(randomInt(0x10000), 0)
  out.writeUInt16BE(flags.RD | (unchecked ? flags.CD : 0), 2)
  out.writeUInt16BE(1, 4)
  const end = 12 + out.write(name, 12, 'latin1')
  out.writeUInt16BE(type, end)
  out.writeUInt16BE(1, end + 2)
  if (!edns) return out
  out.writeUInt16BE(1, 10)
  out.writeUInt16BE(41, end + 5)
  out.writeUInt16BE(1232, end + 7)
  out.writeUInt16BE(dnssec ? 0x8000 : 0, end + 11)
  return out
}
