// An API server's lists and watches of services, their slices and nodes, in a process of its own: as much of one as a service proxy asks for.
// Changes are made by command, over IPC.      api.ts SERVICES ENDPOINTS
import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { newAuthority } from '../../src/api/certificates/authority.ts'
import { makeClientCertificate, makeServerCertificate } from '../../src/api/certificates/certificates.ts'
import type { Connection } from '../../src/api/client/http.ts'
import type { KindName } from '../../src/api/objects/index.ts'
import type { KubeObject } from '../../src/api/objects/meta.ts'
import { apiVersionOf, pathOf, resources } from '../../src/api/resources.ts'
import { type Change, changesAmong, exchangesAmong } from './changes.ts'
import { manyServed, ownNode } from './make.ts'
import { type Stamp, stamped } from './stamp.ts'

export type Command =
  /** Single changes, so many, so far apart. */
  | { readonly do: 'changes'; readonly count: number; readonly gapMs: number }
  /** One endpoint of one service for another, so many times a second. */
  | { readonly do: 'storm'; readonly perSecond: number; readonly seconds: number }

export type Answer =
  | { readonly connection: Connection }
  /** How many changes were written; of single ones, when each was (CLOCK_MONOTONIC, milliseconds). */
  | { readonly written: number; readonly times: readonly number[] }

interface Collection {
  readonly kind: KindName
  readonly objects: Map<string, KubeObject>
  readonly watches: Set<ServerResponse>
  /** What a watch that begins late still has to be told. */
  readonly history: { readonly revision: number; readonly line: string }[]
}

const [services = 0, endpoints = 3] = process.argv.slice(2).map(Number)
/** Changes that are remembered for watches. */
const remembered = 10_000
const bookmarkMs = 30_000

let revision = 1
let lastId = 0
const served = new Map<string, Collection>()
const [serviceObjects, slices] = [collection('Service'), collection('EndpointSlice')]
collection('Node').objects.set(ownNode.metadata.name, ownNode)
for (const { service, slice } of manyServed(services, endpoints)) {
  serviceObjects.objects.set(service.metadata.name, service)
  slices.objects.set(slice.metadata.name, slice)
}
const changes = changesAmong(services, endpoints)
const exchanges = exchangesAmong(services, endpoints)

await listen()

async function listen(): Promise<void> {
  const authority = newAuthority()
  const certificate = makeServerCertificate(authority, { name: 'kube-apiserver' }, ['127.0.0.1'])
  const server = createServer({ ...certificate, ca: authority.cert, minVersion: 'TLSv1.2' }, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  setInterval(bookmark, bookmarkMs)
  process.on('message', (command: Command) => void obey(command))
  const user = makeClientCertificate(authority, { name: 'bench', groups: ['system:masters'] })
  say({
    connection: { server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: authority.cert, ...user },
  })
}

function say(message: Answer): void {
  process.send?.(message)
}

async function obey(command: Command): Promise<void> {
  say(command.do === 'changes' ? await oneByOne(command) : await storm(command))
}

async function oneByOne({ count, gapMs }: { count: number; gapMs: number }): Promise<Answer> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    times.push(Number(process.hrtime.bigint()) / 1e6)
    make(changes.next().value)
    await pause(gapMs)
  }
  return { written: count, times }
}

async function storm({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<Answer> {
  const begun = performance.now()
  let written = 0
  while (written < perSecond * seconds) {
    const due = Math.min(((performance.now() - begun) * perSecond) / 1000, perSecond * seconds)
    for (; written < due; written++) {
      const { slice } = exchanges.next().value
      put(slices, slice, { id: ++lastId, parts: 1, kind: 'endpoint exchanged', at: process.hrtime.bigint() })
    }
    await pause(1)
  }
  return { written, times: [] }
}

function make({ kind, before, after }: Change): void {
  const stamp = { id: ++lastId, kind, at: process.hrtime.bigint() }
  if (after && before) put(slices, after.slice, { ...stamp, parts: 1 })
  else if (after) {
    put(serviceObjects, after.service, { ...stamp, parts: 2 })
    put(slices, after.slice, { ...stamp, parts: 2 })
  } else if (before) {
    // Once the service is gone, its slice means nothing to the kernel.
    put(serviceObjects, before.service, { ...stamp, parts: 1 }, 'gone')
    put(slices, before.slice, undefined, 'gone')
  }
}

function put(
  { objects, watches, history }: Collection,
  object: KubeObject,
  stamp: Stamp | undefined,
  gone?: 'gone',
): void {
  const { name } = object.metadata
  const metadata = { ...object.metadata, resourceVersion: String(++revision) }
  const type = gone ? 'DELETED' : objects.has(name) ? 'MODIFIED' : 'ADDED'
  const now = stamp ? stamped({ ...object, metadata }, stamp) : { ...object, metadata }
  if (gone) objects.delete(name)
  else objects.set(name, now)
  const line = `${JSON.stringify({ type, object: now })}\n`
  for (const watch of watches) watch.write(line)
  history.push({ revision, line })
  if (history.length > 2 * remembered) history.splice(0, remembered)
}

function bookmark(): void {
  for (const { kind, watches } of served.values()) {
    const metadata = { resourceVersion: String(revision) }
    const object = { apiVersion: apiVersionOf(resources[kind]), kind, metadata }
    for (const watch of watches) watch.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'https://127.0.0.1')
  response.setHeader('content-type', 'application/json')
  const found = served.get(pathname)
  if (request.method !== 'GET' || !found) refuse(response, 404, 'NotFound')
  // A list that comes as a watch (KEP-3157): who asks for it takes the other way when told that it cannot be had.
  else if (searchParams.has('sendInitialEvents')) refuse(response, 422, 'Invalid')
  else if (searchParams.has('watch')) watch(found, Number(searchParams.get('resourceVersion') ?? 0), response)
  else list(found, searchParams, response)
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  response.statusCode = code
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: reason }))
}

/** In pages, of a collection that does not change meanwhile. */
function list({ kind, objects }: Collection, query: URLSearchParams, response: ServerResponse): void {
  const limit = Number(query.get('limit') ?? 0) || objects.size
  const from = Number(query.get('continue') ?? 0)
  const rest = objects.size - from - limit
  const metadata = {
    resourceVersion: String(revision),
    ...(rest > 0 ? { continue: String(from + limit), remainingItemCount: rest } : {}),
  }
  const items = [...objects.values()].slice(from, from + limit)
  const texts = items.map((item) => JSON.stringify({ ...item, apiVersion: undefined, kind: undefined }))
  const head = JSON.stringify({ kind: `${kind}List`, apiVersion: apiVersionOf(resources[kind]), metadata })
  response.end(`${head.slice(0, -1)},"items":[${texts.join(',')}]}`)
}

function watch({ watches, history }: Collection, from: number, response: ServerResponse): void {
  response.writeHead(200)
  response.flushHeaders()
  for (const { revision, line } of history) if (revision > from) response.write(line)
  watches.add(response)
  response.on('close', () => watches.delete(response))
}

function collection(kind: KindName): Collection {
  const made: Collection = { kind, objects: new Map(), watches: new Set(), history: [] }
  served.set(pathOf(resources[kind]), made)
  return made
}
