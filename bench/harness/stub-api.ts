import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { newAuthority } from '../../src/api/certificates/authority.ts'
import { makeClientCertificate, makeServerCertificate } from '../../src/api/certificates/certificates.ts'
import { keyOf } from '../../src/api/client/client.ts'
import type { Connection } from '../../src/api/client/http.ts'
import type { KindName } from '../../src/api/objects/index.ts'
import type { KubeObject } from '../../src/api/objects/meta.ts'
import { apiVersionOf, pathOf, resources } from '../../src/api/resources.ts'

interface Collection {
  readonly kind: KindName
  readonly objects: Map<string, KubeObject>
  readonly watches: Set<ServerResponse>
  /** What a watch that begins late still has to be told. */
  readonly history: { readonly revision: number; readonly line: string }[]
}

/** Changes that are remembered for watches. */
const remembered = 10_000
const bookmarkMs = 30_000

/** Lists and watches of some kinds over HTTPS: as much of an API server as those ask for who follow a cluster. */
export class StubApi implements Disposable {
  readonly #collections: Map<string, Collection>
  readonly #byPath: Map<string, Collection>
  #revision = 1
  #close: () => void = () => {}

  constructor(kinds: readonly KindName[]) {
    const made = kinds.map((kind): Collection => ({ kind, objects: new Map(), watches: new Set(), history: [] }))
    this.#collections = new Map(made.map((one) => [one.kind, one]))
    this.#byPath = new Map(made.map((one) => [pathOf(resources[one.kind]), one]))
  }

  /** What is there from the beginning. */
  load(objects: Iterable<KubeObject>): void {
    for (const object of objects) this.#of(object).objects.set(keyOf(object), object)
  }

  /** From now on it is there, or is another. */
  put(object: KubeObject): void {
    const { objects } = this.#of(object)
    const type = objects.has(keyOf(object)) ? 'MODIFIED' : 'ADDED'
    objects.set(keyOf(object), this.#tell(type, object))
  }

  remove(object: KubeObject): void {
    this.#of(object).objects.delete(keyOf(object))
    this.#tell('DELETED', object)
  }

  /** Resolves to what a client needs to come in. */
  async listen(): Promise<Connection> {
    const authority = newAuthority()
    const certificate = makeServerCertificate(authority, { name: 'kube-apiserver' }, ['127.0.0.1'])
    const options = { ...certificate, ca: authority.cert, minVersion: 'TLSv1.2' } as const
    const server = createServer(options, (request, response) => this.#answer(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const bookmarks = setInterval(() => this.#bookmark(), bookmarkMs)
    this.#close = () => {
      clearInterval(bookmarks)
      server.closeAllConnections()
      server.close()
    }
    const user = makeClientCertificate(authority, { name: 'bench', groups: ['system:masters'] })
    return { server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: authority.cert, ...user }
  }

  [Symbol.dispose](): void {
    this.#close()
  }

  #of({ kind }: KubeObject): Collection {
    const found = this.#collections.get(kind)
    if (!found) throw new TypeError(`this server has no ${kind}`)
    return found
  }

  #tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): KubeObject {
    const { watches, history } = this.#of(object)
    const revision = ++this.#revision
    const now = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    const line = `${JSON.stringify({ type, object: now })}\n`
    for (const watch of watches) watch.write(line)
    history.push({ revision, line })
    if (history.length > 2 * remembered) history.splice(0, remembered)
    return now
  }

  #bookmark(): void {
    for (const { kind, watches } of this.#collections.values()) {
      const metadata = { resourceVersion: String(this.#revision) }
      const object = { apiVersion: apiVersionOf(resources[kind]), kind, metadata }
      for (const watch of watches) watch.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://127.0.0.1')
    response.setHeader('content-type', 'application/json')
    const found = this.#byPath.get(pathname)
    if (request.method !== 'GET' || !found) refuse(response, 404, 'NotFound')
    // A list that comes as a watch (KEP-3157): who asks for it takes the other way when told that it cannot be had.
    else if (searchParams.has('sendInitialEvents')) refuse(response, 422, 'Invalid')
    else if (searchParams.has('watch')) watch(found, Number(searchParams.get('resourceVersion') ?? 0), response)
    else this.#list(found, searchParams, response)
  }

  /** In pages, of a collection that does not change meanwhile. */
  #list({ kind, objects }: Collection, query: URLSearchParams, response: ServerResponse): void {
    const limit = Number(query.get('limit') ?? 0) || objects.size
    const from = Number(query.get('continue') ?? 0)
    const rest = objects.size - from - limit
    const metadata = {
      resourceVersion: String(this.#revision),
      ...(rest > 0 ? { continue: String(from + limit), remainingItemCount: rest } : {}),
    }
    const items = [...objects.values()].slice(from, from + limit)
    const texts = items.map((item) => JSON.stringify({ ...item, apiVersion: undefined, kind: undefined }))
    const head = JSON.stringify({ kind: `${kind}List`, apiVersion: apiVersionOf(resources[kind]), metadata })
    response.end(`${head.slice(0, -1)},"items":[${texts.join(',')}]}`)
  }
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  response.statusCode = code
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: reason }))
}

function watch({ watches, history }: Collection, from: number, response: ServerResponse): void {
  response.writeHead(200)
  response.flushHeaders()
  for (const { revision, line } of history) if (revision > from) response.write(line)
  watches.add(response)
  response.on('close', () => watches.delete(response))
}
