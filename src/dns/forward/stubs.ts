import type { Forwarder } from './forward.ts'
import { foldedName } from './names.ts'

/** Domains that have name servers of their own. */
export class Stubs {
  readonly #domains = new Map<string, Forwarder>()

  constructor(domains: readonly { readonly domain: string; readonly forwarder: Forwarder }[]) {
    for (const { domain, forwarder } of domains) this.#domains.set(foldedName(domain), forwarder)
  }

  /** That of the longest domain that `name`, as `Query.name`, is in and that takes it. */
  find(name: string): Forwarder | undefined {
    for (let at = 0; at < name.length; at += 1 + name.charCodeAt(at)) {
      const forwarder = this.#domains.get(name.slice(at))
      if (forwarder?.takes(name) === true) return forwarder
    }
    return undefined
  }
}
