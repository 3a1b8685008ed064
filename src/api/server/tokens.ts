import { createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify } from 'node:crypto'
import { badRequest, conflict, notFound } from '../errors.ts'
import { isRecord } from '../json.ts'
import type { Registry } from '../registry/registry.ts'
import { resources } from '../resources.ts'
import type { User } from './users.ts'

export const issuer = 'https://kubernetes.default.svc.cluster.local'

export interface TokenWish {
  seconds?: number | undefined
  audiences?: readonly string[] | undefined
  pod?: { name: string; uid?: string | undefined } | undefined
}

const shortest = 600
const longest = 24 * 3600
const usual = 3607

/** Makes and checks service account tokens: JWTs (RFC 7519) signed with ES256, claims as kube-apiserver writes them. */
export class Tokens {
  readonly #registry: Registry
  readonly #private: KeyObject
  readonly #public: KeyObject
  /** Signatures that were found good, by token: the costly part of a check, done once. */
  readonly #good = new Map<string, Claims>()

  /** `key`: the cluster's ECDSA P-256 private key, PEM. */
  constructor(registry: Registry, key: string) {
    this.#registry = registry
    this.#private = createPrivateKey(key)
    this.#public = createPublicKey(this.#private)
  }

  issue(name: string, namespace: string, wish: TokenWish = {}): { token: string; expires: string } {
    const account = this.#registry.get(resources.ServiceAccount, name, namespace)
    const { pod } = wish
    if (pod !== undefined) {
      const found = this.#registry.find(resources.Pod, pod.name, namespace)
      if (found === undefined) throw notFound(resources.Pod, pod.name)
      const { uid = '' } = found.metadata
      if (pod.uid && pod.uid !== uid)
        throw conflict(
          resources.Pod,
          pod.name,
          `the UID in the bound object reference (${pod.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
        )
      if ((found['spec'] as { serviceAccountName?: string }).serviceAccountName !== name)
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`,
        )
      wish = { ...wish, pod: { name: pod.name, uid } }
    }
    const now = Math.floor(Date.now() / 1000)
    const seconds = Math.min(Math.max(wish.seconds ?? usual, shortest), longest)
    const claims: Claims = {
      aud: wish.audiences?.length ? [...wish.audiences] : [issuer],
      exp: now + seconds,
      iat: now,
      iss: issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...(wish.pod && { pod: { name: wish.pod.name, uid: wish.pod.uid ?? '' } }),
        serviceaccount: { name, uid: account.metadata.uid ?? '' },
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${name}`,
    }
    const content = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(content), { key: this.#private, dsaEncoding: 'ieee-p1363' })
    return {
      token: `${content}.${signature.toString('base64url')}`,
      expires: new Date(claims.exp * 1000).toISOString().replace(/\.\d+/, ''),
    }
  }

  /** The user a token stands for; undefined when it is not ours, too old, or whom it is bound to is gone. */
  user(token: string): User | undefined {
    const claims = this.#good.get(token) ?? this.#check(token)
    if (claims === undefined) return undefined
    const now = Date.now() / 1000
    if (claims.exp <= now || claims.nbf > now + 5 || !claims.aud.includes(issuer)) return undefined
    const { namespace, serviceaccount, pod } = claims['kubernetes.io']
    const account = this.#registry.find(resources.ServiceAccount, serviceaccount.name, namespace)
    if (account?.metadata.uid !== serviceaccount.uid) return undefined
    if (pod !== undefined && this.#registry.find(resources.Pod, pod.name, namespace)?.metadata.uid !== pod.uid)
      return undefined
    return {
      name: claims.sub,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    }
  }

  #check(token: string): Claims | undefined {
    const [header = '', payload = '', signature = '', ...more] = token.split('.')
    if (more.length > 0 || token.length > 16_384) return undefined
    const { alg } = decoded(header) ?? {}
    const claims = decoded(payload)
    if (alg !== 'ES256' || claims === undefined || !isRecord(claims['kubernetes.io'])) return undefined
    const bytes = Buffer.from(signature, 'base64url')
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), { key: this.#public, dsaEncoding: 'ieee-p1363' }, bytes))
      return undefined
    // Signed by us, so it has the form that we gave it.
    const good = claims as unknown as Claims
    this.#good.set(token, good)
    for (const oldest of this.#good.keys()) {
      if (this.#good.size <= 1024) break
      this.#good.delete(oldest)
    }
    return good
  }
}

interface Claims {
  aud: string[]
  exp: number
  iat: number
  iss: string
  jti: string
  'kubernetes.io': {
    namespace: string
    pod?: { name: string; uid: string }
    serviceaccount: { name: string; uid: string }
  }
  nbf: number
  sub: string
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decoded(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isRecord(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
