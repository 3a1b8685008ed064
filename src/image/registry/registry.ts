import { KubehopError } from '../../base/errors.ts'
import type { Place } from '../reference.ts'
import { shown } from '../refuse.ts'
import { Access } from './access.ts'
import { type Agents, isLoopback } from './agents.ts'
import type { Challenge } from './challenge.ts'
import { type Asked, discard, exchange, readAll, type Reply } from './exchange.ts'
import { answerFailure, failure } from './failures.ts'
import type { Credential } from './keyring.ts'
import type { PullLimits } from './limits.ts'
import { maxToken, tokenIn, tokenRequest } from './token.ts'

export interface RegistryOptions {
  agents: Agents
  limits: PullLimits
  credentials: readonly Credential[]
  /** May be asked over plain HTTP, and its certificate is not looked at. */
  insecure: boolean
  signal: AbortSignal
}

interface GetOptions {
  headers?: Record<string, string>
  /** Ends this request; default: that of the whole pull. */
  signal?: AbortSignal
}

/** One repository of a registry (OCI distribution specification): who asks it is told, redirects are followed, other answers are errors. */
export class Registry {
  readonly #place: Place
  readonly #options: RegistryOptions
  readonly #access: Access
  #base: URL
  /** Whether the registry has answered over `#base` at all. */
  #met = false

  constructor(place: Place, options: RegistryOptions) {
    this.#place = place
    this.#options = options
    // Hub's name in references is not that of its registry.
    const host = place.registry === 'docker.io' ? 'registry-1.docker.io' : place.registry
    this.#base = new URL(`https://${host}/v2/${place.repository}/`)
    this.#access = new Access(host, options.credentials, (challenge, credential) => this.#token(challenge, credential))
  }

  get host(): string {
    return this.#base.host
  }

  /** A successful answer for `manifests/...` or `blobs/...`; 200, or 206 when a range was asked for. `what` names it in errors. */
  async get(path: string, what: string, { headers = {}, signal }: GetOptions = {}): Promise<Reply> {
    const options = signal ? { ...this.#options, signal } : this.#options
    // One try for each credential, and a second one for that whose token has grown old meanwhile.
    for (let left = this.#options.credentials.length + 2; ; left--) {
      const header = this.#access.header
      const shown = header === undefined ? {} : { authorization: header }
      const reply = await this.#follow(path, { headers: { ...headers, ...shown } }, options)
      const { status, message } = reply
      if (status === 200 || (status === 206 && headers['range'] !== undefined)) {
        this.#access.took(header)
        return reply
      }
      const asks = (status === 401 || status === 403) && reply.url.host === this.host && left > 0
      const body = await this.#beginning(reply)
      if (asks && (await this.#access.refused(header, message.headersDistinct['www-authenticate'] ?? []))) continue
      throw answerFailure(status, message.headers, body, what, reply.url.host)
    }
  }

  /** The whole of something small. */
  async read(
    path: string,
    most: number,
    what: string,
    headers: Record<string, string> = {},
  ): Promise<{ body: Buffer; reply: Reply }> {
    const reply = await this.get(path, what, { headers })
    return { body: await readAll(reply, most, what, this.#options), reply }
  }

  async #follow(path: string, asked: Asked, options: RegistryOptions): Promise<Reply> {
    let reply = await this.#first(path, asked, options)
    for (let left = this.#options.limits.redirects; isRedirect(reply.status); left--) {
      discard(reply)
      const to = redirectOf(reply, this.#base)
      if (left === 0) throw failure('BadRedirect', `${this.host} leads from one address to the next, and to no end`)
      // Blobs often lie elsewhere. Whoever has them is not the registry, and is not shown what was meant for that.
      const { authorization, ...others } = asked.headers ?? {}
      const headers =
        to.origin === this.#base.origin ? { ...others, ...(authorization !== undefined && { authorization }) } : others
      reply = await exchange(to, { ...asked, headers }, options)
    }
    return reply
  }

  /** The first request finds out whether the registry speaks TLS; where it must, there is nothing to find out. */
  async #first(path: string, asked: Asked, options: RegistryOptions): Promise<Reply> {
    try {
      const reply = await exchange(new URL(path, this.#base), asked, options)
      this.#met = true
      return reply
    } catch (error) {
      const mayBePlain = this.#options.insecure || isLoopback(this.#base.hostname)
      const noTls = error instanceof KubehopError && (error.code === 'PlainHttp' || error.code === 'Unreachable')
      if (this.#met || !mayBePlain || !noTls || this.#base.protocol === 'http:') throw error
      this.#base = new URL(this.#base.href.replace('https:', 'http:'))
      return await this.#first(path, asked, options)
    }
  }

  async #token(challenge: Challenge, credential: Credential | undefined): Promise<string | undefined> {
    const { url, asked } = tokenRequest(challenge, this.#place.repository, credential, this.#base)
    const reply = await exchange(url, asked, this.#options)
    if (reply.status === 200) return tokenIn(await readAll(reply, maxToken, 'the token', this.#options), url.host)
    // With another credential it may be different.
    if ([400, 401, 403].includes(reply.status)) {
      discard(reply)
      return undefined
    }
    throw answerFailure(reply.status, reply.message.headers, await this.#beginning(reply), 'a token', url.host)
  }

  /** Of what says why: enough of it for a message. */
  async #beginning(reply: Reply): Promise<string> {
    try {
      return (await readAll(reply, 2 ** 16, 'the error', this.#options)).toString()
    } catch (error) {
      this.#options.signal.throwIfAborted()
      reply.message.destroy()
      return error instanceof KubehopError ? '' : String(error)
    }
  }
}

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

function redirectOf({ message, url }: Reply, base: URL): URL {
  const location = message.headers.location ?? ''
  const to = location === '' ? null : URL.parse(location, url)
  if (!to || !/^https?:$/.test(to.protocol))
    throw failure('BadRedirect', `${url.host} leads to ${shown(location)}, which is no address`)
  if (to.protocol === 'http:' && url.protocol === 'https:')
    throw failure(
      'BadRedirect',
      `${url.host} leads to plain HTTP, at ${to.host}: anyone on the way could see what is asked for`,
    )
  if (isLoopback(to.hostname) && !isLoopback(base.hostname))
    throw failure('BadRedirect', `${url.host} leads to ${to.host}, on this machine: no registry has anything there`)
  to.username = ''
  to.password = ''
  return to
}
