import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

export interface Trust {
  /** Hosts with their ports whose certificate is not looked at. */
  insecure: (host: string) => boolean
  authorities: readonly string[]
}

/** The connections of one pull: kept open between its requests, closed at its end. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY). */
export class Agents implements Disposable {
  readonly #trust: Trust
  readonly #made = new Map<string, HttpAgent>()

  constructor(trust: Trust) {
    this.#trust = trust
  }

  for({ protocol, host, hostname }: URL): HttpAgent {
    const checked = !this.#trust.insecure(host)
    const near = isLoopback(hostname)
    const kind = `${protocol} ${checked} ${near}`
    let agent = this.#made.get(kind)
    if (!agent) {
      // What is on this machine is not asked for elsewhere, as with Go's programs.
      const options = { keepAlive: true, ...(near ? {} : { proxyEnv: process.env }) }
      agent =
        protocol === 'http:'
          ? new HttpAgent(options)
          : new HttpsAgent({
              ...options,
              rejectUnauthorized: checked,
              secureContext: trusting(this.#trust.authorities),
            })
      this.#made.set(kind, agent)
    }
    return agent
  }

  [Symbol.dispose](): void {
    for (const agent of this.#made.values()) agent.destroy()
  }
}

/** Reached without leaving this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/** Authorities of Node and of this system: companies put theirs into the latter. */
function trusting(authorities: readonly string[]): SecureContext {
  if (authorities.length > 0) return createSecureContext({ ca: [...usual(), ...authorities] })
  return (usualContext ??= createSecureContext({ ca: usual() }))
}

// Some hundred certificates: read once, and only when a registry is asked.
let usualContext: SecureContext | undefined
const usual = (): string[] => [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
