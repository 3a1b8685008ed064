import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Client } from './client.ts'
import { type ClientOptions, type Connection, connect } from './http.ts'

/** A client as the current context of a kubeconfig file says. */
export async function fromKubeconfig(path: string, options: ClientOptions = {}): Promise<Client> {
  return connect(await connectionFrom(path), options)
}

/** What a kubeconfig's current context (or the named one) says about reaching its server. */
export async function connectionFrom(path: string, contextName?: string): Promise<Connection> {
  try {
    return connectionOf(await parsed(readFileSync(path, 'utf8')), dirname(path), contextName)
  } catch (error) {
    throw new KubehopError('api', `read kubeconfig ${path}`, 'KubeconfigUnusable', messageOf(error), { cause: error })
  }
}

/** The namespace that the current context (or the named one) is for, where it says one. */
export async function contextNamespace(path: string, contextName?: string): Promise<string | undefined> {
  const config = await parsed(readFileSync(path, 'utf8'))
  const name = contextName ?? config['current-context']
  return config.contexts?.find((one) => one.name === name)?.context.namespace
}

/** JSON is YAML too, and reading it needs no library: agents that start by the dozen have it so. */
async function parsed(text: string): Promise<Kubeconfig> {
  if (text.trimStart().startsWith('{')) return checked(JSON.parse(text))
  // A CommonJS module is whole in its default alone.
  const { parse } = (await import('yaml')).default
  return checked(parse(text))
}

function checked(config: unknown): Kubeconfig {
  const lists = ['contexts', 'clusters', 'users'] as const
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  const isList = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.every(isObject))
  if (!isObject(config) || !lists.every((name) => isList(config[name])))
    throw new Error(`it is no kubeconfig: ${lists.join(', ')} are lists in it (kubectl config view shows one)`)
  return config
}

interface Kubeconfig {
  'current-context'?: string
  contexts?: { name: string; context: { cluster: string; user: string; namespace?: string } }[]
  clusters?: { name: string; cluster: Fields }[]
  users?: { name: string; user: Fields }[]
}

/** Texts, but for what is not understood here: see {@link refuseUnknown}. */
type Fields = Record<string, string>

function connectionOf(config: Kubeconfig, folder: string, contextName = config['current-context']): Connection {
  const context = config.contexts?.find((one) => one.name === contextName)?.context
  if (context === undefined) {
    const all = (config.contexts ?? []).map(({ name }) => name).join(', ')
    throw new Error(
      `it has no context ${contextName ?? '(and names no current one)'}${all === '' ? '' : `; it has ${all}`}`,
    )
  }
  const cluster = config.clusters?.find((one) => one.name === context.cluster)?.cluster
  const user = config.users?.find((one) => one.name === context.user)?.user ?? {}
  // Programs that log in, as the clouds' own, would be started with this user's rights.
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined)
    throw new Error(
      `its user ${context.user} logs in by a program, which is not started here: give the user a token (kubectl create token NAME)`,
    )
  if (cluster?.['server'] === undefined) throw new Error(`it has no server for cluster ${context.cluster}`)
  if (!cluster['server'].startsWith('https://'))
    throw new Error(`its server ${cluster['server']} is not reached by https: name the API server itself`)
  refuseUnknown(context.user, user, cluster)
  // Data stands in the file in base64, or in a file of its own, named relative to the kubeconfig.
  const pem = (from: Record<string, string>, name: string): string | undefined => {
    const data = from[`${name}-data`]
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8')
    const file = from[name]
    return file === undefined ? undefined : readFileSync(resolve(folder, file), 'utf8')
  }
  const ca = pem(cluster, 'certificate-authority')
  const cert = pem(user, 'client-certificate')
  const key = pem(user, 'client-key')
  const tokenFile = user['tokenFile']
  const token =
    user['token'] ?? (tokenFile === undefined ? undefined : readFileSync(resolve(folder, tokenFile), 'utf8').trim())
  return {
    server: cluster['server'],
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(token !== undefined && { token }),
  }
}

/** What would only end in an answer that nobody understands (401, a certificate that is not known) is said before. */
function refuseUnknown(name: string, user: Fields, cluster: Fields): void {
  const known = user['token'] ?? user['tokenFile'] ?? user['client-certificate'] ?? user['client-certificate-data']
  const instead = 'put a token in its place (kubectl create token NAME)'
  if (known === undefined && user['username'] !== undefined)
    throw new Error(`user ${name} logs in by a password, which API servers no longer take: ${instead}`)
  for (const field of ['as', 'as-groups', 'as-uid'])
    if (user[field] !== undefined) throw new Error(`user ${name} acts as another (${field}), which Kubehop does not do`)
  if (String(cluster['insecure-skip-tls-verify']) === 'true')
    throw new Error(
      'it leaves the server’s certificate unchecked (insecure-skip-tls-verify): name its certificate-authority',
    )
  for (const field of ['proxy-url', 'tls-server-name'])
    if (cluster[field] !== undefined) throw new Error(`it reaches its server by ${field}, which Kubehop does not know`)
}

export interface KubeconfigParts {
  server: string
  ca: string
  cert: string
  key: string
  /** Of the cluster, the user and the context alike. */
  name?: string
}

/** The text of a kubeconfig that kubectl and everybody else reads: YAML, or JSON for programs of our own. */
export function kubeconfig(
  { server, ca, cert, key, name = 'kubehop' }: KubeconfigParts,
  form: 'yaml' | 'json' = 'yaml',
): string {
  const data = (pem: string): string => Buffer.from(pem).toString('base64')
  if (form === 'json') {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server, 'certificate-authority-data': data(ca) } }],
      users: [{ name, user: { 'client-certificate-data': data(cert), 'client-key-data': data(key) } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    }
    return `${JSON.stringify(config, null, 2)}\n`
  }
  const label = JSON.stringify(name)
  return `apiVersion: v1
kind: Config
clusters:
- name: ${label}
  cluster:
    server: ${JSON.stringify(server)}
    certificate-authority-data: ${data(ca)}
users:
- name: ${label}
  user:
    client-certificate-data: ${data(cert)}
    client-key-data: ${data(key)}
contexts:
- name: ${label}
  context:
    cluster: ${label}
    user: ${label}
current-context: ${label}
`
}
