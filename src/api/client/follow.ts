import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import { pathOf, resources } from '../resources.ts'
import { ApiError, type Follower, type FollowOptions } from './client.ts'
import { Copy, tellsErrors } from './follower.ts'
import type { Transport } from './transport.ts'

/** Servers send bookmarks about once a minute; a connection that is silent much longer is dead. */
const silenceMs = 150_000
const firstDelayMs = 50
const longestDelayMs = 10_000
/** Objects of a list that are asked for at once. */
const pageSize = 500

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: { metadata: { resourceVersion?: string }; code?: number; message?: string }
}

/** List, then watch from there, for ever: a broken watch goes on where it was, one that is too old lists again. */
export function followOver<K extends KindName>(
  transport: Transport,
  kind: K,
  options: FollowOptions<Kinds[K]>,
  log: Log | undefined,
  onClose: () => void,
): Follower<Kinds[K]> {
  type T = Kinds[K]
  const { labelSelector, fieldSelector, namespace } = options
  const path = pathOf(resources[kind], namespace)
  const query = { labelSelector, fieldSelector }
  const ended = new AbortController()
  const copy = new Copy<T>(
    options,
    () => {
      ended.abort()
      onClose()
    },
    tellsErrors(kind, log),
  )

  /** Page by page: of a large list never more than one page is here as the server sent it. */
  async function list(): Promise<string> {
    const { apiVersion, kind: name } = header(kind)
    const items: T[] = []
    let version: string | undefined
    let next: string | undefined
    do {
      const answer = (await transport.call({
        method: 'GET',
        path,
        query: { ...query, limit: pageSize, continue: next },
      })) as { metadata: { resourceVersion: string; continue?: string }; items: T[] }
      // All pages are of the moment of the first one. Items of a list come without apiVersion and kind; everything else has them.
      version ??= answer.metadata.resourceVersion
      for (const item of answer.items) items.push(copy.shaped({ ...item, apiVersion, kind: name }))
      next = answer.metadata.continue || undefined
    } while (next !== undefined)
    options.onContact?.(true)
    copy.replace(items)
    return version
  }

  /** Follows until the connection ends; returns where to go on, or undefined when that is forgotten. */
  async function watch(from: string, alive: () => void): Promise<string | undefined> {
    let at: string | undefined = from
    const timeoutSeconds = 300 + Math.floor(Math.random() * 300)
    const quiet = new AbortController()
    const silence = setTimeout(() => quiet.abort(new Error('the watch was silent for too long')), silenceMs)
    const batch: { type: 'put' | 'delete'; object: T }[] = []
    let flushing: NodeJS.Immediate | undefined
    const flush = (): void => {
      clearImmediate(flushing)
      flushing = undefined
      if (batch.length > 0) copy.apply(batch.splice(0))
    }
    try {
      const response = await transport.open(
        {
          method: 'GET',
          path,
          query: { ...query, watch: true, allowWatchBookmarks: true, resourceVersion: from, timeoutSeconds },
        },
        AbortSignal.any([ended.signal, quiet.signal]),
      )
      alive()
      options.onContact?.(true)
      for await (const line of linesOf(response)) {
        silence.refresh()
        options.onContact?.(true)
        const event = JSON.parse(line) as WatchEvent
        if (event.type === 'ERROR') {
          if (event.object.code === 410) {
            at = undefined
            break
          }
          throw new Error(event.object.message ?? 'the watch failed')
        }
        at = event.object.metadata.resourceVersion ?? at
        if (event.type !== 'BOOKMARK') {
          const object = copy.shaped(event.object as unknown as T)
          batch.push({ type: event.type === 'DELETED' ? 'delete' : 'put', object })
          flushing ??= setImmediate(flush)
        }
      }
      return at
    } catch (error) {
      if (error instanceof ApiError && error.code === 410) return undefined
      throw error
    } finally {
      clearTimeout(silence)
      flush()
    }
  }

  async function run(): Promise<void> {
    let delay = firstDelayMs
    let at: string | undefined
    let failing = false
    while (!copy.closed) {
      try {
        at ??= await list()
        failing = false
        const began = Date.now()
        at = await watch(at, () => (delay = firstDelayMs))
        // A server that ends every watch at once must not be asked in a busy loop.
        if (Date.now() - began < 1000) await pause(firstDelayMs)
      } catch (error) {
        if (copy.closed) return
        options.onContact?.(false)
        // A refusal needs a person; a server that is away comes back. Either is said once, not at every attempt.
        const level = failing ? 'debug' : error instanceof ApiError ? 'warn' : 'info'
        failing = true
        log?.[level]({ kind, error: messageOf(error) }, 'the API server cannot be followed right now; trying again')
        // What arrived before the break has moved the copy on; a list tells the truth again.
        at = undefined
        await pause(delay * (0.5 + Math.random() / 2))
        delay = Math.min(delay * 2, longestDelayMs)
      }
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms)
      ended.signal.addEventListener('abort', done, { once: true })
      function done(): void {
        clearTimeout(timer)
        ended.signal.removeEventListener('abort', done)
        resolve()
      }
    })
  }

  void run()
  return copy
}

function header(kind: KindName): { apiVersion: string; kind: string } {
  const { group, version } = resources[kind]
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind }
}

async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = []
  for await (const chunk of stream) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end))
      const line = parts.length === 1 ? (parts[0] as Buffer).toString('utf8') : Buffer.concat(parts).toString('utf8')
      parts = []
      start = end + 1
      if (line.trim() !== '') yield line
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
}
