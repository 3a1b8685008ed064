import type { CacheConfig } from '../config/config.ts'
import { rcodes } from '../wire/message.ts'
import type { ByKind, CacheCounts } from './counts.ts'
import type { Reply } from './reply.ts'

/** What is given from memory. */
export interface Told {
  readonly reply: Reply
  /** `cache (9.9.9.9 port 53)` */
  readonly from: string
}

interface Kept {
  readonly reply: Reply
  /** As in {@link Told}. */
  readonly from: string
  readonly since: number
  readonly until: number
  readonly bytes: number
  /** Asked for since the hand passed. */
  used: boolean
  /** Upstreams have just failed to say it again: until then it is given without asking them. */
  failedUntil: number
}

/** What an entry takes besides the bytes of its message and its key: objects, a place in the table (measured). */
const overhead = 800
/** Bytes that an entry may take on average: long answers push out more than one short one. */
const bytesPerEntry = 2048
/** RFC 8767 section 4: what answers past their time say, and how long upstreams that failed are left alone. */
const staleTtl = 30
const recheckMilliseconds = 5000

/** Answers of upstreams, bounded in number and in bytes. Times are in milliseconds of `now`. */
export class Cache {
  readonly counts: CacheCounts
  readonly #kept = new Map<string, Kept>()
  readonly #names = new Map<string, string>()
  readonly #config: CacheConfig
  readonly #now: () => number
  /** Goes round and round over the entries, and past one that was used since it last came by. */
  #hand: MapIterator<string>
  #bytes = 0
  #denials = 0

  constructor(config: CacheConfig, counts: CacheCounts, now: () => number = () => performance.now()) {
    this.#config = config
    this.counts = counts
    this.#now = now
    this.#hand = this.#kept.keys()
  }

  /** With entries whose time is over and that nothing has pushed out yet. */
  get entries(): ByKind {
    return { success: this.#kept.size - this.#denials, denial: this.#denials }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `upstream`: who said it. Nothing that was cut, that failed or whose TTL is 0 is kept. */
  put(key: string, reply: Reply, upstream: string): void {
    const { positive, negative } = this.#config
    const seconds = Math.min(reply.ttl, reply.negative ? negative : positive)
    if (seconds <= 0 || reply.truncated || (reply.rcode !== rcodes.NOERROR && reply.rcode !== rcodes.NXDOMAIN)) return
    const bytes = overhead + 2 * key.length + reply.bytes.length
    // One question must not push out all others.
    if (bytes > (this.#config.size * bytesPerEntry) / 2) return
    const since = this.#now()
    const until = since + seconds * 1000
    this.#forget(key)
    this.#kept.set(key, { reply, from: this.#nameOf(upstream), since, until, bytes, used: false, failedUntil: 0 })
    this.#bytes += bytes
    if (reply.negative) this.#denials++
    this.#shrink()
  }

  /** What is there and within its time. */
  get(key: string): Told | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    const now = this.#now()
    if (now >= kept.until) return undefined
    kept.used = true
    this.counts.hits[kept.reply.negative ? 'denial' : 'success']++
    return toldAt(kept, now)
  }

  /** What is past its time, but not for too long. `failing`: upstreams failed to say it again a moment ago. */
  stale(key: string): { failing: boolean; tell: () => Told } | undefined {
    const kept = this.#kept.get(key)
    const now = this.#now()
    if (kept === undefined || now < kept.until) return undefined
    if (now >= kept.until + this.#config.serveStale * 1000) {
      this.#forget(key)
      return undefined
    }
    return {
      failing: now < kept.failedUntil,
      tell: () => {
        this.counts.stale++
        kept.used = true
        return { reply: { ...kept.reply, staleTtl }, from: `stale ${kept.from}` }
      },
    }
  }

  /** No upstream would say it again. */
  failed(key: string): void {
    const kept = this.#kept.get(key)
    if (kept) kept.failedUntil = this.#now() + recheckMilliseconds
  }

  /** One text for all that an upstream said. */
  #nameOf(upstream: string): string {
    let name = this.#names.get(upstream)
    if (name === undefined) this.#names.set(upstream, (name = `cache (${upstream})`))
    return name
  }

  #shrink(): void {
    const { size } = this.#config
    while (this.#kept.size > size || this.#bytes > size * bytesPerEntry) {
      const key = this.#next()
      const kept = this.#kept.get(key)
      if (kept === undefined) continue
      if (kept.used && this.#now() < kept.until) {
        kept.used = false
        continue
      }
      this.counts.evictions[kept.reply.negative ? 'denial' : 'success']++
      this.#forget(key)
    }
  }

  /** An iterator that is kept: a new one would walk over the holes that its predecessors left. */
  #next(): string {
    for (;;) {
      const { value, done } = this.#hand.next()
      if (done !== true) return value
      this.#hand = this.#kept.keys()
    }
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key)
    if (!kept) return
    this.#kept.delete(key)
    this.#bytes -= kept.bytes
    if (kept.reply.negative) this.#denials--
  }
}

function toldAt({ reply, from, since }: Kept, now: number): Told {
  const { bytes, ttls, runs, rcode, truncated, ttl, negative } = reply
  const age = Math.floor((now - since) / 1000)
  return { reply: { bytes, ttls, runs, rcode, truncated, ttl, negative, age }, from }
}
