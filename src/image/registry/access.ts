import { parseChallenges, type Challenge } from './challenge.ts'
import { failure } from './failures.ts'
import type { Credential } from './keyring.ts'

/** Asks a token service; undefined when it does not know the credential. */
export type TokenAsker = (challenge: Challenge, credential: Credential | undefined) => Promise<string | undefined>

/**
 * The Authorization header for one repository. Nothing is shown to a registry that does not ask for it. Credentials are tried in their order, the first that is
 * taken stays; where there are none, a token is asked for as anybody.
 */
export class Access {
  readonly #left: (Credential | undefined)[]
  readonly #askToken: TokenAsker
  readonly #host: string
  #header: string | undefined
  /** Whether the header was taken once: then it has grown old when it is refused, and the same credential gets a new one. */
  #taken = false
  #challenge: Challenge | undefined
  #renewing: Promise<boolean> | undefined

  constructor(host: string, credentials: readonly Credential[], askToken: TokenAsker) {
    this.#host = host
    this.#left = credentials.length > 0 ? [...credentials] : [undefined]
    this.#askToken = askToken
  }

  get header(): string | undefined {
    return this.#header
  }

  /** The registry was content with this header. */
  took(header: string | undefined): void {
    if (header === this.#header) this.#taken = true
  }

  /** The registry refused `header` and answered with these challenges. Whether there is another one to try now. */
  refused(header: string | undefined, challenges: readonly string[]): Promise<boolean> {
    // Of several requests at once, one gets the new header for all.
    if (header !== this.#header) return Promise.resolve(true)
    return (this.#renewing ??= this.#renew(challenges).finally(() => (this.#renewing = undefined)))
  }

  async #renew(said: readonly string[]): Promise<boolean> {
    const challenges = said.flatMap(parseChallenges)
    this.#challenge =
      challenges.find(({ scheme }) => scheme === 'bearer') ??
      challenges.find(({ scheme }) => scheme === 'basic') ??
      this.#challenge
    if (!this.#challenge) {
      if (challenges.length === 0) return false
      const schemes = challenges.map(({ scheme }) => scheme).join(', ')
      throw failure(
        'Unauthorized',
        `${this.#host} asks for ${schemes}, which is not known here: only basic and bearer are`,
      )
    }
    if (this.#header !== undefined && !this.#taken) this.#left.shift()
    this.#taken = false
    for (; this.#left.length > 0; this.#left.shift()) {
      const header = await this.#headerFor(this.#challenge, this.#left[0])
      if (header === undefined) continue
      this.#header = header
      return true
    }
    return false
  }

  async #headerFor(challenge: Challenge, credential: Credential | undefined): Promise<string | undefined> {
    if (challenge.scheme === 'basic') return credential && 'user' in credential ? basic(credential) : undefined
    if (credential && 'registryToken' in credential) return `Bearer ${credential.registryToken}`
    const token = await this.#askToken(challenge, credential)
    return token === undefined ? undefined : `Bearer ${token}`
  }
}

export const basic = ({ user, password }: { user: string; password: string }): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
