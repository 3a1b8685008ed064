import type { Owner } from '../zone/reverse-index.ts'
import type { Zone } from '../zone/zone.ts'
import type { HandlerName, Said } from './handler.ts'

export type Ready = Said & { readonly by: HandlerName }

/**
 * Answers that are made once and given until an object they come from changes. Only names that exist are kept, so questions from outside cannot fill the
 * memory. A zone tells its changes to the last one that was made for it.
 */
export class ReadyAnswers {
  readonly #kept = new Map<string, Ready>()

  constructor(zone: Zone) {
    zone.onStale = (keys) => {
      for (const key of keys) this.#kept.delete(key)
    }
  }

  /** `key`: as `Query.key`. */
  get(key: string): Ready | undefined {
    return this.#kept.get(key)
  }

  keep(key: string, owner: Owner, ready: Ready): void {
    this.#kept.set(key, ready)
    owner.keys.push(key)
  }
}
