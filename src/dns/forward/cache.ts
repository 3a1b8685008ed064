import type { Reply } from './reply.ts'

/** Seconds that an answer is kept at most: others' names only, never the cluster's. */
const longest = { positive: 30, negative: 5 }

interface Kept {
  reply: Reply
  since: number
  until: number
}

/** Answers of upstreams, the oldest forgotten first. `now` in milliseconds. */
export class Cache {
  readonly #kept = new Map<string, Kept>()
  readonly #limit: number
  readonly #now: () => number

  constructor(limit = 10_000, now: () => number = () => performance.now()) {
    this.#limit = limit
    this.#now = now
  }

  get size(): number {
    return this.#kept.size
  }

  put(key: string, reply: Reply): void {
    const seconds = Math.min(reply.ttl, reply.negative ? longest.negative : longest.positive)
    if (seconds <= 0 || reply.truncated || (reply.rcode !== 0 && reply.rcode !== 3)) return
    const since = this.#now()
    this.#kept.delete(key)
    this.#kept.set(key, { reply, since, until: since + seconds * 1000 })
    if (this.#kept.size > this.#limit) for (const oldest of this.#kept.keys()) return void this.#kept.delete(oldest)
  }

  /** With its TTLs counted down. */
  get(key: string): Reply | undefined {
    const kept = this.#kept.get(key)
    if (!kept) return undefined
    const now = this.#now()
    if (now >= kept.until) {
      this.#kept.delete(key)
      return undefined
    }
    const age = Math.floor((now - kept.since) / 1000)
    const bytes = Buffer.from(kept.reply.bytes)
    for (const at of kept.reply.ttls) bytes.writeUInt32BE(Math.max(0, bytes.readUInt32BE(at) - age), at)
    return { ...kept.reply, bytes }
  }
}
