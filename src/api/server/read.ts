import { randomUUID } from 'node:crypto'
import { ApiError, type ListOptions } from '../client/client.ts'
import { badRequest, expired } from '../errors.ts'
import { type AnyObject, isRecord, jsonOf } from '../json.ts'
import type { Registry } from '../registry/registry.ts'
import { apiVersionOf, type Resource } from '../resources.ts'
import { type Exchange, sendText } from './exchange.ts'
import { type Form, formOf, include, metadataOnly } from './forms.ts'
import type { Route } from './route.ts'
import { tableOf } from './table.ts'

export function getOne({ request, response, query }: Exchange, registry: Registry, route: Route): void {
  const object = registry.get(route.resource, route.name ?? '', route.namespace)
  const form = formOf(request.headers.accept)
  sendText(response, 200, textIn(form, route.resource, object, query))
}

/** One object in the form that was asked for. */
export function textIn(form: Form, resource: Resource, object: AnyObject, query: URLSearchParams): string {
  if (form === 'table')
    return JSON.stringify(tableOf(resource, [object], include(query), object.metadata.resourceVersion))
  return form === 'metadata' ? JSON.stringify(metadataOnly(object)) : jsonOf(object)
}

/** Lists whole, or in pages that all show the collection as it was at the first one. */
export class Lister {
  readonly #registry: Registry
  readonly #pages = new Map<string, Snapshot>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  list({ request, response, query }: Exchange, route: Route): void {
    const form = formOf(request.headers.accept)
    const { resource } = route
    const { items, revision, next, remaining } = this.#page(route, query)
    const metadata = {
      resourceVersion: String(revision),
      ...(next !== undefined && { continue: next, remainingItemCount: remaining }),
    }
    if (form === 'table') {
      const table = tableOf(resource, items, include(query), String(revision))
      sendText(response, 200, JSON.stringify({ ...table, metadata }))
      return
    }
    const [kind, apiVersion] =
      form === 'metadata'
        ? ['PartialObjectMetadataList', 'meta.k8s.io/v1']
        : [`${resource.kind}List`, apiVersionOf(resource)]
    const head = JSON.stringify({ kind, apiVersion, metadata })
    const texts = items.map(form === 'metadata' ? (item) => JSON.stringify(metadataOnly(item)) : jsonOf)
    sendText(response, 200, `${head.slice(0, -1)},"items":[${texts.join(',')}]}`)
  }

  #page({ resource, namespace }: Route, query: URLSearchParams): Page {
    const limit = wholeNumber(query, 'limit') ?? 0
    const token = query.get('continue')
    if (token) return this.#continue(token, limit)
    const revision = this.#registry.store.revision
    checkRevision(query, revision)
    const items = this.#registry.list(resource, selection(query, namespace))
    return this.#cut({ items, revision, made: Date.now() }, 0, limit)
  }

  #cut(snapshot: Snapshot, from: number, limit: number): Page {
    const { items, revision } = snapshot
    if (limit === 0 || from + limit >= items.length) return { items: items.slice(from), revision }
    const id = randomUUID()
    this.#pages.set(id, snapshot)
    for (const [old, { made }] of this.#pages) {
      if (this.#pages.size <= snapshotLimit && Date.now() - made < snapshotMs) break
      this.#pages.delete(old)
    }
    const at = from + limit
    const next = Buffer.from(JSON.stringify({ id, at })).toString('base64url')
    return { items: items.slice(from, at), revision, next, remaining: items.length - at }
  }

  #continue(token: string, limit: number): Page {
    let place: unknown
    try {
      place = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
    if (!isRecord(place) || typeof place['id'] !== 'string' || !Number.isSafeInteger(place['at']))
      throw badRequest('continue key is not valid')
    const snapshot = this.#pages.get(place['id'])
    if (snapshot === undefined) throw expired('The provided continue parameter is too old: list again from the start')
    return this.#cut(snapshot, place['at'] as number, limit)
  }
}

/** Objects are frozen, so a snapshot is a list of references. */
interface Snapshot {
  readonly items: AnyObject[]
  readonly revision: number
  readonly made: number
}

interface Page {
  items: AnyObject[]
  revision: number
  next?: string
  remaining?: number
}

const snapshotLimit = 64
const snapshotMs = 5 * 60_000

export function selection(query: URLSearchParams, namespace: string | undefined): ListOptions {
  const labelSelector = query.get('labelSelector')
  const fieldSelector = query.get('fieldSelector')
  return {
    ...(namespace !== undefined && { namespace }),
    ...(labelSelector && { labelSelector }),
    ...(fieldSelector && { fieldSelector }),
  }
}

/** KEP-2340 and the API concepts page: what is here is always the newest, so only an exact older one cannot be had. */
function checkRevision(query: URLSearchParams, current: number): void {
  const asked = wholeNumber(query, 'resourceVersion')
  const match = query.get('resourceVersionMatch')
  if (match && match !== 'Exact' && match !== 'NotOlderThan')
    throw badRequest(`resourceVersionMatch: supported values: "Exact", "NotOlderThan", not ${JSON.stringify(match)}`)
  if (match && asked === undefined) throw badRequest('resourceVersionMatch needs a resourceVersion')
  if (asked === undefined || asked === 0) return
  if (asked > current) throw tooLarge(asked, current)
  if (match === 'Exact' && asked !== current)
    throw expired(`The resourceVersion for the provided list is too old: only the current one, ${current}, is kept`)
}

export function tooLarge(asked: number, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  })
}

export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${name}: "${text}" is not a whole number`)
  return Number(text)
}
