import type { Client } from '../api/client/client.ts'
import type { ObjectReference } from '../api/objects/meta.ts'
import type { Log } from '../base/log.ts'
import type { Family } from '../base/metrics/family.ts'
import { measured } from '../base/metrics/number.ts'

export interface ContactOptions {
  readonly client: Pick<Client, 'event'>
  readonly log: Log
  /** What events are about. */
  readonly about: () => ObjectReference
  /** Seconds away that are worth a word: a server that is only started again is back by then. Infinity: none. */
  readonly patience?: number
}

/** Whether the API server can be followed. While it cannot, what was known last is answered, and people have to know. */
export class Contact {
  readonly #options: Required<ContactOptions>
  /** Kinds of objects that cannot be followed at the moment. */
  readonly #lost = new Set<string>()
  #heardAt = performance.now()
  #lostAt = 0
  #told = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: ContactOptions) {
    this.#options = { patience: 5, ...options }
  }

  /** See {@link FollowOptions.onContact}. */
  note(kind: string, heard: boolean): void {
    if (heard) {
      this.#heardAt = performance.now()
      if (this.#lost.delete(kind) && this.#lost.size === 0) this.#back()
    } else if (!this.#lost.has(kind)) {
      if (this.#lost.size === 0) this.#away()
      this.#lost.add(kind)
    }
  }

  get connected(): boolean {
    return this.#lost.size === 0
  }

  families(): Family[] {
    return [
      measured('gauge', 'kubehop_dns_api_connected', 'Whether the API server is followed: 1 or 0.', () =>
        this.connected ? 1 : 0,
      ),
      measured(
        'gauge',
        'kubehop_dns_api_last_word_seconds',
        'Seconds since the API server said anything; it says something about once a minute.',
        () => (performance.now() - this.#heardAt) / 1000,
      ),
    ]
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #away(): void {
    this.#lostAt = performance.now()
    if (!Number.isFinite(this.#options.patience)) return
    this.#timer = setTimeout(() => {
      this.#told = true
      this.#options.log.warn(
        { kinds: [...this.#lost] },
        'the API server cannot be followed: names are answered from what was known last',
      )
    }, this.#options.patience * 1000).unref()
  }

  /** Only now can the API server take an event, so that both are told. */
  #back(): void {
    clearTimeout(this.#timer)
    if (!this.#told) return
    this.#told = false
    const { client, log, about } = this.#options
    const seconds = Math.round((performance.now() - this.#lostAt) / 1000)
    const since = new Date(Date.now() - seconds * 1000).toISOString().slice(11, 19)
    log.info({ seconds }, 'the API server is followed again')
    client.event(
      about(),
      'Warning',
      'DNSOutOfDate',
      `the API server could not be followed from ${since} UTC on, for ${seconds} s: names were answered from what was known then`,
    )
    client.event(
      about(),
      'Normal',
      'DNSUpToDate',
      'the API server is followed again: names are answered as the cluster is',
    )
  }
}
