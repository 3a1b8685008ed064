import { object, parseJson, text } from '../json.ts'
import { shown } from '../refuse.ts'
import { basic } from './access.ts'
import { isLoopback } from './agents.ts'
import type { Challenge } from './challenge.ts'
import type { Asked } from './exchange.ts'
import { failure } from './failures.ts'
import type { Credential } from './keyring.ts'

/** Of a token service's answer. */
export const maxToken: number = 2 ** 20

/**
 * What a token service is asked (github.com/distribution/distribution, docs/spec/auth: token and oauth). `base` is the registry: where that speaks TLS, its
 * token service has to. @throws KubehopError `BadAnswer` when the challenge names no place to ask
 */
export function tokenRequest(
  { params }: Challenge,
  repository: string,
  credential: Credential | undefined,
  base: URL,
): { url: URL; asked: Asked } {
  const url = realmOf(params.get('realm') ?? '', base)
  const service = params.get('service')
  const scope = params.get('scope') ?? `repository:${repository}:pull`
  if (credential && 'identityToken' in credential) {
    const { identityToken } = credential
    const form = {
      grant_type: 'refresh_token',
      client_id: 'kubehop',
      scope,
      refresh_token: identityToken,
      ...(service !== undefined && { service }),
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { url, asked: { method: 'POST', headers, body: new URLSearchParams(form).toString() } }
  }
  if (service !== undefined) url.searchParams.set('service', service)
  url.searchParams.set('scope', scope)
  const user = credential && 'user' in credential ? credential : undefined
  return { url, asked: user ? { headers: { authorization: basic(user) } } : {} }
}

function realmOf(realm: string, base: URL): URL {
  const url = URL.parse(realm)
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw failure('BadAnswer', `${base.host} names ${shown(realm)} as its token service, which is no address`)
  if (url.protocol === 'http:' && base.protocol === 'https:' && !isLoopback(url.hostname)) {
    const say = `${base.host} names ${shown(realm)} as its token service: over plain HTTP anyone on the way could read credentials`
    throw failure('PlainHttp', say)
  }
  return url
}

/** @throws KubehopError `BadAnswer` */
export function tokenIn(body: Buffer, host: string): string {
  const what = `the token of ${host}`
  let token: string
  try {
    const said = object(parseJson(body, what), what)
    token = text(said['token'] ?? said['access_token'], what)
  } catch (error) {
    throw failure(
      'BadAnswer',
      `${host} gives no token where it should: ${JSON.stringify(body.toString('utf8', 0, 100))}`,
      error,
    )
  }
  // What goes into a header has to fit there.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw failure('BadAnswer', `${what} is none: it has characters that no header takes`)
  return token
}
