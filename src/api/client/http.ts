import { existsSync, readFileSync, statSync } from 'node:fs'
import { KubehopError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import { apiVersionOf, pathOf, resources } from '../resources.ts'
import { ApiError, type Client, type Follower, type FollowOptions, type List, type ListRequest } from './client.ts'
import { makeRecorder } from './events.ts'
import { followOver } from './follow.ts'
import { type Connection, Transport } from './transport.ts'

export type { Connection } from './transport.ts'

export interface ClientOptions {
  /** The name under which events are reported. */
  component?: string
  log?: Log
}

/** A client of any Kubernetes API server. Nothing is sent before the first call. */
export function connect(connection: Connection, { component = 'kubehop', log }: ClientOptions = {}): Client {
  const transport = new Transport(connection)
  const followers = new Set<Follower<never>>()
  const at = (kind: KindName, name: string, namespace?: string, subresource?: string): string =>
    pathOf(resources[kind], resources[kind].namespaced ? (namespace ?? 'default') : undefined, name, subresource)
  const put = async <K extends KindName>(kind: K, object: Kinds[K], subresource?: string): Promise<Kinds[K]> => {
    const { name, namespace } = object.metadata
    return (await transport.call({
      method: 'PUT',
      path: at(kind, name, namespace, subresource),
      body: object,
    })) as Kinds[K]
  }

  const client: Client = {
    async get<K extends KindName>(kind: K, name: string, namespace?: string) {
      try {
        return (await transport.call({ method: 'GET', path: at(kind, name, namespace) })) as Kinds[K]
      } catch (error) {
        if (error instanceof ApiError && error.code === 404) return undefined
        throw error
      }
    },
    async list<K extends KindName>(kind: K, options: ListRequest = {}): Promise<List<Kinds[K]>> {
      const { namespace, labelSelector, fieldSelector, signal } = options
      const path = pathOf(resources[kind], namespace)
      const call = { method: 'GET', path, query: { labelSelector, fieldSelector } }
      const answer = (await transport.call(call, signal)) as {
        metadata: { resourceVersion: string }
        items: Kinds[K][]
      }
      const apiVersion = apiVersionOf(resources[kind])
      const items = (answer.items ?? []).map((item) => ({ ...item, apiVersion, kind }))
      return { items, resourceVersion: answer.metadata.resourceVersion }
    },
    async create<K extends KindName>(kind: K, object: object) {
      const { metadata } = object as { metadata: { namespace?: string } }
      const path = pathOf(resources[kind], resources[kind].namespaced ? (metadata.namespace ?? 'default') : undefined)
      const body = { apiVersion: apiVersionOf(resources[kind]), kind, ...object }
      return (await transport.call({ method: 'POST', path, body })) as Kinds[K]
    },
    update: (kind, object) => put(kind, object),
    updateStatus: (kind, object) => put(kind, object, 'status'),
    async patch<K extends KindName>(
      kind: K,
      name: string,
      namespace: string | undefined,
      body: object,
      sub?: 'status',
    ) {
      const contentType = 'application/merge-patch+json'
      return (await transport.call({
        method: 'PATCH',
        path: at(kind, name, namespace, sub),
        body,
        contentType,
      })) as Kinds[K]
    },
    async delete(kind, name, namespace, { uid, ...options } = {}) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...options,
        ...(uid !== undefined && { preconditions: { uid } }),
      }
      await transport.call({ method: 'DELETE', path: at(kind, name, namespace), body })
    },
    async bind(pod, namespace, node) {
      const target = { apiVersion: 'v1', kind: 'Node', name: node }
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name: pod, namespace }, target }
      await transport.call({ method: 'POST', path: at('Pod', pod, namespace, 'binding'), body })
      return (await transport.call({ method: 'GET', path: at('Pod', pod, namespace) })) as Kinds['Pod']
    },
    follow<K extends KindName>(kind: K, options: FollowOptions<Kinds[K]> = {}): Follower<Kinds[K]> {
      const forget = (): void => void followers.delete(follower as never)
      const follower = followOver(transport, kind, options, log, forget)
      followers.add(follower as never)
      return follower
    },
    event: (about, type, reason, message) => record(about, type, reason, message),
    async token(serviceAccount, namespace, pod, { audiences = [], expirationSeconds = 3607 } = {}) {
      const boundObjectRef = pod && { apiVersion: 'v1', kind: 'Pod', ...pod }
      const answer = (await transport.call({
        method: 'POST',
        path: at('ServiceAccount', serviceAccount, namespace, 'token'),
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: { audiences, expirationSeconds, ...(boundObjectRef && { boundObjectRef }) },
        },
      })) as { status: { token: string; expirationTimestamp: string } }
      return { token: answer.status.token, expires: answer.status.expirationTimestamp }
    },
    close() {
      for (const follower of followers) follower.close()
      transport.close()
    },
  }
  const record = makeRecorder(client, component, log)
  return client
}

const mounted = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The client of a program in a pod: the mounted service account, and the API server that the environment names. */
export function inCluster(options: ClientOptions = {}): Client {
  const host = process.env['KUBERNETES_SERVICE_HOST']
  const port = process.env['KUBERNETES_SERVICE_PORT']
  if (!host || !port || !existsSync(`${mounted}/token`))
    throw new KubehopError(
      'api',
      'connect in cluster',
      'NotInCluster',
      `this is no pod with a service account: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT or ${mounted}/token is missing`,
    )
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  return connect(
    { server, ca: readFileSync(`${mounted}/ca.crt`, 'utf8'), token: freshToken(`${mounted}/token`) },
    options,
  )
}

/** The token in a file that is renewed in place; read again when it changed, looked at once a second at most. */
function freshToken(path: string): () => string {
  let token = ''
  let changed = -1
  let looked = 0
  return () => {
    const now = Date.now()
    if (now - looked > 1000 || token === '') {
      looked = now
      const { mtimeMs } = statSync(path)
      if (mtimeMs !== changed) {
        token = readFileSync(path, 'utf8').trim()
        changed = mtimeMs
      }
    }
    return token
  }
}
