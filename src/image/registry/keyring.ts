import { object, text } from '../json.ts'
import { refuse, shown } from '../refuse.ts'

/** What a registry is shown. */
export type Credential = { user: string; password: string } | { identityToken: string } | { registryToken: string }

export interface Key {
  /** Labels of the host, the last first; `*` stands for one label, also within it. */
  host: string
  /** undefined: any. */
  port: string | undefined
  /** Of the repository; a whole part of it. Empty: every repository. */
  path: string
  credential: Credential
}

/** Keys of one file or Secret. */
export type Keyring = readonly Key[]

/**
 * `~/.docker/config.json`, or a Secret of type kubernetes.io/dockerconfigjson; also the older form without `auths` (kubernetes.io/dockercfg). `what` names it in
 * errors. @throws KubehopError `BadCredentials`, which never shows a password
 */
export function parseDockerConfig(said: unknown, what: string): Keyring {
  try {
    const file = object(said, what)
    const auths = 'auths' in file || 'credsStore' in file || 'credHelpers' in file ? (file['auths'] ?? {}) : file
    return Object.entries(object(auths, `auths in ${what}`)).flatMap(([key, entry]) => {
      const credential = credentialOf(object(entry, `${shown(key)} in ${what}`), `${shown(key)} in ${what}`)
      return credential ? [{ ...patternOf(key, what), credential }] : []
    })
  } catch (error) {
    if (error instanceof Error && 'plain' in error) throw refuse('BadCredentials', String(error.plain), error)
    throw error
  }
}

/** undefined where a helper program has it: `{}`. */
function credentialOf(entry: Readonly<Record<string, unknown>>, what: string): Credential | undefined {
  const field = (name: string): string => text(entry[name] ?? '', `${name} of ${what}`)
  const [auth, user, password] = [field('auth'), field('username'), field('password')]
  if (field('identitytoken') !== '') return { identityToken: field('identitytoken') }
  if (field('registrytoken') !== '') return { registryToken: field('registrytoken') }
  if (auth === '') return user === '' && password === '' ? undefined : { user, password }
  const decoded = Buffer.from(auth, 'base64').toString()
  const colon = decoded.indexOf(':')
  if (colon === -1) throw refuse('BadCredentials', `auth of ${what} is not USER:PASSWORD in base64`)
  // Docker pads with NUL.
  return { user: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') }
}

function patternOf(key: string, what: string): Omit<Key, 'credential'> {
  const bare = key.replace(/^https?:\/\//, '').replace(/\/+$/, '')
  const slash = bare.indexOf('/')
  const authority = slash === -1 ? bare : bare.slice(0, slash)
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(authority)
  if (!parts || parts[1] === '') throw refuse('BadCredentials', `${shown(key)} in ${what} is no registry`)
  const path = slash === -1 ? '' : bare.slice(slash + 1)
  // Hub and registries of the first version are written with the API's path.
  return { host: (parts[1] ?? '').toLowerCase(), port: parts[2], path: /^v[12]$/.test(path) ? '' : path }
}

/**
 * What may be shown for a repository, the most exact first: a longer path before a shorter one, and a host in full before a pattern. As kubelet's keyring does;
 * but a path counts by whole parts, so that the key of `me/app` is not shown for `me/apple`.
 */
export function credentialsFor(rings: readonly Keyring[], registry: string, repository: string): Credential[] {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(registry)
  const [host, port] = [(parts?.[1] ?? '').toLowerCase(), parts?.[2]]
  return rings
    .flat()
    .filter((key) => hostFits(key.host, host) && (key.port ?? port) === port && covers(key.path, repository))
    .sort(
      (a, b) => b.path.length - a.path.length || stars(a.host) - stars(b.host) || (b.port ? 1 : 0) - (a.port ? 1 : 0),
    )
    .map(({ credential }) => credential)
}

const hubs = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

function hostFits(pattern: string, host: string): boolean {
  if (hubs.has(host)) return hubs.has(pattern)
  const [wanted, given] = [pattern.split('.'), host.split('.')]
  return wanted.length === given.length && wanted.every((label, index) => labelFits(label, given[index] ?? ''))
}

/** `*` within one label. No regular expression: `a*a*a*b` would take for ever. */
function labelFits(pattern: string, label: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === label
  if (label.length < first.length + last.length || !label.startsWith(first) || !label.endsWith(last)) return false
  let at = first.length
  for (const piece of rest) {
    const found = label.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return at <= label.length - last.length
}

const covers = (path: string, repository: string): boolean =>
  path === '' || path === repository || repository.startsWith(`${path}/`)

const stars = (host: string): number => host.split('*').length
