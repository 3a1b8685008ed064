import { ApiError } from '../client/client.ts'
import { expired } from '../errors.ts'
import { type AnyObject, jsonOf } from '../json.ts'
import type { Registry } from '../registry/registry.ts'
import { apiVersionOf, type Resource } from '../resources.ts'
import { selectorOf } from '../select/select.ts'
import type { StoreEvent } from '../store/store.ts'
import { type Exchange, sendError, status } from './exchange.ts'
import { type Form, formOf, include, metadataOnly } from './forms.ts'
import { selection, tooLarge, wholeNumber } from './read.ts'
import { isTrue, type Route } from './route.ts'
import { tableOf } from './table.ts'
import { longestTimerMs } from '../../base/timer.ts'

const bookmarkMs = 60_000
/** A client that reads so slowly loses its watch, not this server's memory. */
const backlogLimit = 16 * 1024 * 1024

/** Streams a collection's changes, one JSON object per line, until the client goes, its time is over or it is too slow. */
export function watch({ request, response, query, log }: Exchange, registry: Registry, route: Route): void {
  const { resource } = route
  const { store } = registry
  const only = route.name === undefined ? {} : { fieldSelector: `metadata.name=${route.name}` }
  const selects = selectorOf(resource, { ...selection(query, route.namespace), ...only }) ?? (() => true)
  const form = formOf(request.headers.accept)
  const plan = planOf(query, store.revision)
  const encode = encoder(form, resource, query)
  const bookmarks = isTrue(query, 'allowWatchBookmarks')
  const write = (type: string, text: string): void => {
    response.write(`{"type":"${type}","object":${text}}\n`)
    if (response.writableLength > backlogLimit) {
      log.warn({ resource: resource.plural }, 'a watch was ended: its client reads too slowly')
      response.destroy()
    }
  }
  const bookmark = (annotations?: Record<string, string>): void =>
    write('BOOKMARK', bookmarkText(form, resource, store.revision, annotations))
  const push = (event: StoreEvent): void => {
    const seen = seenAs(event, selects)
    if (seen !== undefined) write(seen, encode(event.object))
  }

  response.writeHead(200, {
    'content-type': form === 'table' ? 'application/json;as=Table;g=meta.k8s.io;v=v1' : 'application/json',
  })
  response.flushHeaders()
  let stop: () => void
  try {
    if (plan.initial) {
      for (const object of registry.list(resource)) if (selects(object)) write('ADDED', encode(object))
      if (plan.mark) bookmark({ 'k8s.io/initial-events-end': 'true' })
    }
    stop = store.watch(resource.kind, push, plan.initial ? store.revision : plan.from)
  } catch (error) {
    // Clients look for "too old" inside the stream, where kube-apiserver's watch cache puts it.
    if (!(error instanceof ApiError)) {
      sendError(response, error, log)
      return
    }
    response.end(`{"type":"ERROR","object":${JSON.stringify(status(error))}}\n`)
    return
  }
  const seconds = wholeNumber(query, 'timeoutSeconds') || 1800 + Math.random() * 1800
  const tick = bookmarks ? setInterval(() => bookmark(), bookmarkMs) : undefined
  // Nothing may be written after the end, and a client that reads slowly is there for long after it.
  const quiet = (): void => {
    stop()
    clearTimeout(end)
    clearInterval(tick)
  }
  const over = (): void => {
    quiet()
    response.end()
  }
  const end = setTimeout(over, Math.min(seconds * 1000, longestTimerMs))
  response.once('close', quiet)
}

/** From where a watch tells, by resourceVersion and sendInitialEvents (KEP-3157). */
function planOf(query: URLSearchParams, current: number): { initial: boolean; mark: boolean; from: number } {
  const from = wholeNumber(query, 'resourceVersion') ?? 0
  const match = query.get('resourceVersionMatch')
  if (query.has('sendInitialEvents')) {
    if (match !== 'NotOlderThan')
      throw invalidOption(
        'resourceVersionMatch: Forbidden: sendInitialEvents requires resourceVersionMatch=NotOlderThan',
      )
    const initial = isTrue(query, 'sendInitialEvents')
    if (initial && !isTrue(query, 'allowWatchBookmarks'))
      throw invalidOption('allowWatchBookmarks: Forbidden: sendInitialEvents requires allowWatchBookmarks=true')
    if (from > current) throw tooLarge(from, current)
    return { initial, mark: initial, from: initial ? current : from || current }
  }
  if (match) throw invalidOption('resourceVersionMatch: Forbidden: it is for watches with sendInitialEvents')
  // A revision that is not there yet: this is another store than the client knew.
  if (from > current) throw expired(`too large resource version: ${from}, current: ${current}: list again`)
  return { initial: from === 0, mark: false, from }
}

function invalidOption(detail: string): ApiError {
  return new ApiError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${detail}`)
}

/** What a change is for this watch; an object that comes to match is added, one that no longer does is deleted. */
function seenAs({ type, object, old }: StoreEvent, selects: (object: AnyObject) => boolean): string | undefined {
  const was = old !== undefined && selects(old)
  const is = type !== 'deleted' && selects(object)
  return is ? (was ? 'MODIFIED' : 'ADDED') : was ? 'DELETED' : undefined
}

/** In a watch of tables, each event is a table of one row; only the first one names the columns. */
function encoder(form: Form, resource: Resource, query: URLSearchParams): (object: AnyObject) => string {
  if (form === 'object') return jsonOf
  if (form === 'metadata') return (object) => JSON.stringify(metadataOnly(object))
  let first = true
  return (object) => {
    const table = tableOf(resource, [object], include(query), object.metadata.resourceVersion, first)
    first = false
    return JSON.stringify(table)
  }
}

function bookmarkText(form: Form, resource: Resource, revision: number, annotations?: Record<string, string>): string {
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...(annotations && { annotations }) }
  if (form === 'object') return JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), metadata })
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  if (form === 'metadata') return JSON.stringify(partial)
  return JSON.stringify({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: String(revision) },
    columnDefinitions: null,
    rows: [{ cells: [], object: partial }],
  })
}
