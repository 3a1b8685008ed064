import { KubehopError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { ForwardConfig } from '../config/config.ts'
import type { Asker } from '../handlers/handler.ts'
import { rcodes } from '../wire/message.ts'
import type { Cache, Told } from './cache.ts'
import type { Clients } from './clients.ts'
import type { ForwardCounts } from './counts.ts'
import { foldedName, isUnder } from './names.ts'
import { type Order, orderOf, shuffled } from './order.ts'
import { type Asked, keyOf } from './question.ts'
import { Upstream } from './upstream.ts'

export interface ForwardOptions {
  readonly config: ForwardConfig
  readonly cache: Cache
  readonly clients: Clients
  readonly counts: ForwardCounts
  /** The cluster's zone: nothing about it is ever kept, wherever it came from. */
  readonly zone: string
  readonly log: Log
}

/** Clients give up about now (resolv.conf(5), `timeout`): no upstream is asked after so long. */
const patienceMilliseconds = 4500
/** When there is something past its time to say, a client waits so long for better (RFC 8767 section 5). */
const staleMilliseconds = 1800
/** Clients that wait for a question under way, for each such question that there may be: their questions take memory, too. */
const waitersPerQuestion = 16

/** Asks other name servers, and keeps what they say for a while. */
export class Forwarder {
  readonly upstreams: readonly Upstream[]
  readonly #options: ForwardOptions
  readonly #order: Order
  readonly #except: readonly string[]
  readonly #zone: string
  /** Made once: in a flood an error with its stack costs more than all else. */
  readonly #full: KubehopError
  readonly #busy = tooMany('the client has as many questions waiting for an upstream as it may')
  readonly #underWay = new Map<string, Promise<Told>>()
  #waiters = 0

  constructor(options: ForwardOptions) {
    const { config, counts, log, zone } = options
    this.#options = options
    this.#order = orderOf(config.policy)
    this.#except = config.except.map(foldedName)
    this.#zone = foldedName(zone)
    this.#full = tooMany(`${config.maxConcurrent} questions are under way already`)
    this.upstreams = config.to.map((to) => new Upstream(to, config, counts, log))
  }

  /** `name`: as `Query.name`. */
  takes(name: string): boolean {
    return !this.#except.some((domain) => isUnder(name, domain))
  }

  /** Rejects when no upstream answers. The same question asked again meanwhile waits for the first one's answer. */
  ask(asked: Asked, asker?: Asker): Told | Promise<Told> {
    const key = keyOf(asked)
    return this.#options.cache.get(key) ?? this.#askOutside(key, asked, asker)
  }

  /** Questions under way still get their answers. */
  close(): void {
    for (const upstream of this.upstreams) upstream.close()
  }

  #askOutside(key: string, asked: Asked, asker: Asker | undefined): Told | Promise<Told> {
    const { cache, config, clients, counts } = this.#options
    cache.counts.misses++
    const stale = cache.stale(key)
    if (stale?.failing === true) return stale.tell()
    const underWay = this.#underWay.get(key)
    const most = config.maxConcurrent
    if ((!underWay && this.#underWay.size >= most) || this.#waiters >= most * waitersPerQuestion) {
      counts.concurrentRejects++
      return stale?.tell() ?? Promise.reject(this.#full)
    }
    const client = asker?.address()
    if (client !== undefined && !clients.enter(client)) {
      counts.clientRejects++
      return stale?.tell() ?? Promise.reject(this.#busy)
    }
    this.#waiters++
    const asking = underWay ?? this.#start(key, asked)
    const told = stale ? freshOr(stale.tell, asking) : asking
    return told.finally(() => {
      this.#waiters--
      if (client !== undefined) clients.leave(client)
    })
  }

  #start(key: string, asked: Asked): Promise<Told> {
    const { cache } = this.#options
    const asking = this.#askAll(asked).then(
      (told) => {
        this.#underWay.delete(key)
        if (isRefresh(told)) {
          if (!isUnder(asked.name, this.#zone)) cache.put(key, told.reply, told.from)
        } else cache.failed(key)
        return told
      },
      (error: unknown) => {
        this.#underWay.delete(key)
        cache.failed(key)
        throw error
      },
    )
    this.#underWay.set(key, asking)
    return asking
  }

  /** Each upstream once, and those which said nothing once more while there is time: a datagram may have been lost. */
  async #askAll(asked: Asked): Promise<Told> {
    const start = performance.now()
    const silent: Upstream[] = []
    let last: Told | undefined
    let cause: unknown
    const tries = this.#tries()
    for (let at = 0; at < tries.length + silent.length; at++) {
      if (performance.now() - start >= patienceMilliseconds) break
      const upstream = (tries[at] ?? silent[at - tries.length]) as Upstream
      try {
        const told = { reply: await upstream.ask(asked), from: upstream.name }
        // "I cannot" and "I may not" are reasons to ask the next one.
        if (told.reply.rcode !== rcodes.SERVFAIL && told.reply.rcode !== rcodes.REFUSED) return told
        last = told
      } catch (error) {
        cause = error
        if (at < tries.length && error instanceof KubehopError && error.code === 'Timeout') silent.push(upstream)
      }
    }
    if (last) return last
    throw cause ?? noUpstream(this.upstreams)
  }

  /** Those that are well in the order of the policy, then the ill ones; of only ill ones any, for then it may be the looking that is broken. */
  #tries(): Upstream[] {
    const usable = this.upstreams.filter(({ loops }) => !loops)
    const well = usable.filter(({ ill }) => !ill)
    if (well.length > 0) return [...this.#order(well), ...usable.filter(({ ill }) => ill)]
    if (usable.length > 0) this.#options.counts.healthBroken++
    return shuffled(usable).slice(0, 1)
  }
}

/** Only these renew what is kept (RFC 8767 section 4). */
function isRefresh({ reply: { rcode } }: Told): boolean {
  return rcode === rcodes.NOERROR || rcode === rcodes.NXDOMAIN
}

/** What comes in good time, else what is past its time; whoever is being asked goes on and renews it. */
function freshOr(stale: () => Told, asking: Promise<Told>): Promise<Told> {
  const { promise, resolve } = Promise.withResolvers<Told>()
  const giveStale = (): void => {
    if (!given) resolve(stale())
    given = true
  }
  let given = false
  const timer = setTimeout(giveStale, staleMilliseconds)
  asking.then((told) => (isRefresh(told) ? resolve(told) : giveStale()), giveStale)
  return promise.finally(() => clearTimeout(timer))
}

function tooMany(say: string): KubehopError {
  return new KubehopError('dns', 'forward', 'TooMany', say)
}

function noUpstream(upstreams: readonly Upstream[]): KubehopError {
  const looping = upstreams.find(({ loops }) => loops)
  if (!looping) return new KubehopError('dns', 'forward', 'NoUpstream', 'no upstream is given')
  return new KubehopError('dns', 'forward', 'Loop', `${looping.name} sends questions back to this server`)
}
