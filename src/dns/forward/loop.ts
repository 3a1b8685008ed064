import { randomBytes } from 'node:crypto'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/errors.ts'
import { rcodes } from '../wire/message.ts'
import { foldedName } from './names.ts'
import type { Upstream } from './upstream.ts'

/** HINFO: nobody asks for it (RFC 8482), so that no real question is mistaken for ours. */
const probeType = 13
/** After a failure the first look comes so soon, each further one after twice the time. */
const first = 1000
const longest = 30_000
/** A name server may fail for names that do not exist, so that it never answers. */
const mostFailures = 3

/**
 * Looks whether an upstream sends questions back to this server, as CoreDNS' loop plugin does: a name that nobody else can know
 * is asked of each upstream, and {@link came} is told of every such question that arrives here. An upstream that loops is not
 * asked any more; it is looked at again now and then.
 */
export class LoopWatch {
  /** Names on their way, as `Query.name`. */
  readonly #sent = new Map<string, Upstream>()
  readonly #looking = new Set<Upstream>()
  readonly #timers = new Map<Upstream, NodeJS.Timeout>()
  readonly #log: Log
  readonly #longest: number
  #closed = false

  /** `every`: milliseconds between two looks at one that loops. */
  constructor(log: Log, every: number = longest) {
    this.#log = log
    this.#longest = every
  }

  /** Once the server listens; goes on by itself until each upstream has answered without a loop. */
  watch(upstreams: readonly Upstream[]): void {
    for (const upstream of upstreams) {
      const look = (): void => void this.#look(upstream, Math.min(first, this.#longest))
      // One that begins to send questions back later answers none: they wait for themselves here.
      upstream.onIll = look
      look()
    }
  }

  /** A question has come here. True: it is one that was sent to an upstream. */
  came(name: string, type: number): boolean {
    if (type !== probeType || this.#sent.size === 0) return false
    const upstream = this.#sent.get(name)
    if (!upstream) return false
    this.#sent.delete(name)
    if (!upstream.loops) this.#log.error({ upstream: upstream.name }, remedy)
    upstream.loops = true
    return true
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#sent.clear()
  }

  /** `delay`: until the next look. `failures`: how often in a row it could have come and did not, without a word on why. */
  async #look(upstream: Upstream, delay: number, failures = 0): Promise<void> {
    if (this.#closed || this.#looking.has(upstream)) return
    this.#looking.add(upstream)
    clearTimeout(this.#timers.get(upstream))
    this.#timers.delete(upstream)
    const found = await this.#send(upstream)
    this.#looking.delete(upstream)
    if (this.#closed) return
    const failed = found === 'failed' ? failures + 1 : 0
    if (upstream.loops && (found === 'answered' || failed >= mostFailures)) {
      upstream.loops = false
      this.#log.info({ upstream: upstream.name }, 'upstream does not send questions back any more: asked again')
    }
    if (found === 'answered') return
    const next = found === 'came' ? this.#longest : Math.min(delay * 2, this.#longest)
    const again = (): void => void this.#look(upstream, next, failed)
    this.#timers.set(upstream, setTimeout(again, found === 'came' ? this.#longest : delay).unref())
  }

  async #send(upstream: Upstream): Promise<'came' | 'answered' | 'failed' | 'silent'> {
    const name = foldedName(`${label()}.${label()}.loop.kubehop`)
    this.#sent.set(name, upstream)
    try {
      const { rcode } = await upstream.look({ name, type: probeType, dnssec: false, unchecked: false }, true)
      if (!this.#sent.delete(name)) return 'came'
      // So says another server like this one that has found out: of those behind one service address each sees only what comes to it.
      return rcode === rcodes.SERVFAIL ? 'failed' : 'answered'
    } catch (error) {
      this.#log.debug({ upstream: upstream.name, error: messageOf(error) }, 'could not look for a loop')
      return this.#sent.delete(name) ? 'silent' : 'came'
    }
  }
}

function label(): string {
  return randomBytes(10).toString('hex')
}

const remedy =
  'upstream sends questions back to this server: it is not asked any more. Give the address of a name server outside of the cluster: an upstream must ' +
  "not be this server, its service address, or the node's systemd-resolved (127.0.0.53) that asks the cluster. On a node with systemd-resolved the " +
  'servers to give stand in /run/systemd/resolve/resolv.conf'
