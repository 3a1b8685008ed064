import type { Keyring } from '../../image/registry/keyring.ts'

/** Fetches an image; rejects when the signal is aborted. */
export type Fetch = (name: string, credentials: readonly Keyring[], signal: AbortSignal) => Promise<{ bytes: number }>

interface Download {
  done: Promise<{ bytes: number }>
  wanted: number
  abort: AbortController
}

/** Images that are being fetched: once, however many containers wait for the same one, and no longer than anybody does. */
export class Pulls {
  readonly #fetch: Fetch
  readonly #downloads = new Map<string, Download>()

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  /** Those with other credentials fetch it themselves: what one may have another may not. */
  async join(name: string, credentials: readonly Keyring[], signal: AbortSignal): Promise<{ bytes: number }> {
    signal.throwIfAborted()
    const key = JSON.stringify([name, credentials])
    const download = this.#downloads.get(key) ?? this.#begin(key, name, credentials)
    download.wanted++
    const { promise: left, reject } = Promise.withResolvers<never>()
    const leave = (): void => {
      if (--download.wanted === 0) {
        this.#downloads.delete(key)
        download.abort.abort(signal.reason)
      }
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await Promise.race([download.done, left])
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #begin(key: string, name: string, credentials: readonly Keyring[]): Download {
    const abort = new AbortController()
    const done = this.#fetch(name, credentials, abort.signal)
    const download: Download = { done, wanted: 0, abort }
    this.#downloads.set(key, download)
    const over = (): void => {
      if (this.#downloads.get(key) === download) this.#downloads.delete(key)
    }
    done.then(over, over)
    return download
  }
}
