import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/errors.ts'
import type { ForwardConfig, UpstreamConfig } from '../config/config.ts'
import { rcodes, types } from '../wire/message.ts'
import { type ForwardCounts, type UpstreamCounts, upstreamCounts } from './counts.ts'
import { isOurs } from './failure.ts'
import { type Asked, questionFor } from './question.ts'
import type { Reply } from './reply.ts'
import { Stream } from './stream.ts'
import { askOverUdp } from './udp.ts'

export type UpstreamOptions = Pick<ForwardConfig, 'timeout' | 'healthInterval' | 'maxFails' | 'forceTcp'>

/** One name server outside, and how it is. */
export class Upstream {
  /** For people: `9.9.9.9 port 53`. */
  readonly name: string
  readonly to: UpstreamConfig
  /** What is sent there comes back here. */
  loops = false
  /** Told when it has become ill. */
  onIll: () => void = () => {}
  readonly #options: UpstreamOptions
  readonly #counts: UpstreamCounts
  readonly #stream: Stream
  readonly #log: Log
  #failsInARow = 0
  #probe: NodeJS.Timeout | undefined
  #closed = false

  constructor(to: UpstreamConfig, options: UpstreamOptions, counts: ForwardCounts, log: Log) {
    this.name = `${to.address} port ${to.port}`
    this.to = to
    this.#counts = upstreamCounts(counts, to)
    this.#stream = new Stream(to, this.name, this.#counts)
    this.#options = options
    this.#log = log
  }

  /** It failed so often in a row that it is asked only when the others fail, too. */
  get ill(): boolean {
    const { maxFails } = this.#options
    return maxFails > 0 && this.#failsInARow >= maxFails
  }

  /** Rejects when there is no answer; an answer that says "I cannot" is one. What comes of it says how the upstream is. */
  async ask(asked: Asked): Promise<Reply> {
    const start = performance.now()
    try {
      const reply = await this.look(asked)
      this.#counts.answered(reply.rcode, (performance.now() - start) / 1000)
      this.#answered()
      return reply
    } catch (error) {
      this.#counts.failures.add()
      if (!isOurs(error)) this.#failed(error)
      throw error
    }
  }

  /** As {@link ask}, and nothing comes of it. `background`: the process may end meanwhile. */
  async look(asked: Asked, background = false): Promise<Reply> {
    const reply = await this.#exchange(questionFor(asked, true), background)
    // A server older than EDNS finds the OPT record malformed, or not implemented (RFC 6891 section 7).
    const old = reply.rcode === rcodes.FORMERR || reply.rcode === rcodes.NOTIMP
    return old ? this.#exchange(questionFor(asked, false), background) : reply
  }

  /** Questions under way still get their answers. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#probe)
    this.#probe = undefined
    this.#stream.close()
  }

  async #exchange(question: Buffer, background: boolean): Promise<Reply> {
    const { timeout, forceTcp } = this.#options
    if (forceTcp || this.to.tls) return this.#stream.ask(question, timeout, background)
    const start = performance.now()
    const reply = await askOverUdp({ ...this.to, name: this.name }, question, timeout, background)
    if (!reply.truncated) return reply
    try {
      return await this.#stream.ask(question, Math.max(1, timeout - (performance.now() - start)), background)
    } catch {
      // The cut answer with its TC bit lets the client decide.
      return reply
    }
  }

  #answered(): void {
    if (this.ill) this.#log.info({ upstream: this.name }, 'upstream answers again')
    this.#failsInARow = 0
    clearTimeout(this.#probe)
    this.#probe = undefined
  }

  #failed(error: unknown): void {
    const before = this.ill
    this.#failsInARow++
    this.#log.debug({ upstream: this.name, error: messageOf(error) }, 'upstream failed')
    if (!this.ill) return
    if (!before) {
      this.#log.warn({ upstream: this.name, error: messageOf(error) }, 'upstream does not answer: asked last')
      this.onIll()
    }
    if (!this.#probe && !this.#closed) this.#probeLater()
  }

  /** Until it answers, whatever it says. */
  #probeLater(): void {
    this.#probe = setTimeout(() => {
      this.look({ name: '\0', type: types.NS, dnssec: false, unchecked: false }, true).then(
        () => this.#answered(),
        (error: unknown) => {
          this.#counts.probeFailures.add()
          this.#log.debug({ upstream: this.name, error: messageOf(error) }, 'upstream is still silent')
          if (this.#probe && !this.#closed) this.#probeLater()
        },
      )
    }, this.#options.healthInterval).unref()
  }
}
