import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:https'
import { join } from 'node:path'
import type { Cidr } from '../../base/address.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Authority } from '../certificates/authority.ts'
import { makeClientCertificate, makeServerCertificate } from '../certificates/certificates.ts'
import type { Client } from '../client/client.ts'
import { localClient } from '../client/local.ts'
import { bootstrap } from '../registry/bootstrap.ts'
import { type Admission, Registry } from '../registry/registry.ts'
import { openSqlite } from '../store/sqlite.ts'
import { Store } from '../store/store.ts'
import { limitConnections, patience } from './connections.ts'
import { type Extensions, handler } from './handler.ts'
import { NodeProxy } from './proxy.ts'
import { Tokens } from './tokens.ts'

/** A socket that is bound already (it may come from another network namespace), or where to bind one. */
export type Listener = { readonly fd: number } | { readonly host: string; readonly port: number }

export interface ApiOptions {
  /** Where the store's file is; undefined keeps everything in memory. */
  stateDir: string | undefined
  serviceCidr: Cidr | string
  listeners: readonly Listener[]
  authority: Authority
  /** DNS names and addresses under which the server is reached, for its certificate. */
  names: readonly string[]
  /** Further paths, for administrators only. */
  extensions?: Extensions
  admit?: Admission
  log: Log
}

export interface Api {
  /** The in-process client, for control loops. */
  readonly client: Client
  /** Another one that reports events under its own name. */
  clientFor(component: string): Client
  readonly registry: Registry
  /** In the order of the listeners. */
  readonly addresses: readonly AddressInfo[]
  close(): Promise<void>
}

/** Starts the API server; fulfilled when every listener accepts connections. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { stateDir, serviceCidr, listeners, authority, names, admit, log } = options
  if (stateDir !== undefined) mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const store = new Store(stateDir === undefined ? {} : { persistence: await openSqlite(join(stateDir, 'state.db')) })
  const registry = new Registry({ store, serviceCidr, ...(admit && { admit }) })
  bootstrap(registry)
  const tokens = new Tokens(registry, authority.tokenKey)
  const agentClient = makeClientCertificate(authority, {
    name: 'kube-apiserver-kubelet-client',
    groups: ['system:masters'],
  })
  const nodes = new NodeProxy(registry, { ca: authority.cert, ...agentClient })
  const { request, upgrade } = handler({ registry, tokens, nodes, extensions: options.extensions, log })
  const certificate = makeServerCertificate(authority, { name: 'kube-apiserver' }, names)

  const servers = listeners.map(() => {
    const server = createServer({
      ...certificate,
      ca: authority.cert,
      minVersion: 'TLSv1.2',
      // Tokens are another way to show who one is, so a certificate is asked for, not demanded.
      requestCert: true,
      rejectUnauthorized: false,
      maxHeaderSize: 32 * 1024,
      keepAliveTimeout: 90_000,
      ...patience,
    })
    limitConnections(server)
    server.on('request', request)
    server.on('upgrade', upgrade)
    server.on('tlsClientError', (error) => log.debug({ error: error.message }, 'a TLS handshake failed'))
    return server
  })
  const close = async (): Promise<void> => {
    for (const one of [api.client, ...clients]) one.close()
    nodes.close()
    await Promise.all(servers.map(closeServer))
    store.close()
  }
  const clients: Client[] = []
  const clientFor = (component: string): Client => {
    const client = localClient({
      registry,
      component,
      log,
      issueToken: async (account, namespace, pod, { audiences, expirationSeconds: seconds } = {}) =>
        tokens.issue(account, namespace, { pod, audiences, seconds }),
    })
    clients.push(client)
    return client
  }
  const api = { client: clientFor('kubehop'), clientFor, registry, addresses: [] as AddressInfo[], close }
  try {
    for (const [at, server] of servers.entries()) api.addresses.push(await listen(server, listeners[at] as Listener))
  } catch (error) {
    await close()
    throw error
  }
  return api
}

async function listen(server: Server, listener: Listener): Promise<AddressInfo> {
  server.listen(listener)
  try {
    await once(server, 'listening')
  } catch (error) {
    const where = 'fd' in listener ? `descriptor ${listener.fd}` : `${listener.host}:${listener.port}`
    throw new KubehopError('api', `listen on ${where}`, 'PortTaken', messageOf(error), { cause: error })
  }
  return server.address() as AddressInfo
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  // Watches never end by themselves.
  server.closeAllConnections()
  await once(server, 'close')
}
