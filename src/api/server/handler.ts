import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { ApiError } from '../client/client.ts'
import { badRequest } from '../errors.ts'
import type { Registry } from '../registry/registry.ts'
import { openapiDocument, openapiIndex } from '../schema/openapi.ts'
import { type Attributes, allows, forbid } from './authorize.ts'
import { bodyOf } from './body.ts'
import { discovery, versionInfo } from './discovery.ts'
import { type Exchange, send, sendError, sendLines, sendText, statusOf } from './exchange.ts'
import type { NodeProxy } from './proxy.ts'
import { getOne, Lister } from './read.ts'
import { attributesOf, isTrue, type Route, routeOf } from './route.ts'
import { bind, requestToken, review, scale } from './subresources.ts'
import type { Tokens } from './tokens.ts'
import { nothingAt } from './unserved.ts'
import { identify } from './users.ts'
import { watch } from './watch.ts'
import { create, patch, remove, removeAll, update } from './write.ts'

export interface Parts {
  registry: Registry
  tokens: Tokens
  nodes: NodeProxy
  extensions?: Extensions | undefined
  log: Log
}

/**
 * Paths outside the Kubernetes API that whoever runs the server adds: `POST path` with a JSON body, answered by JSON; what comes bit by bit, by one object
 * a line.
 */
export type Extensions = Readonly<
  Record<string, (body: unknown, gone: AbortSignal) => Promise<object | AsyncGenerator<object>>>
>

export interface Handler {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** Every request's way: who asks, what for, may they, then the verb. */
export function handler({ registry, tokens, nodes, extensions = {}, log }: Parts): Handler {
  const lister = new Lister(registry)

  function arrive(request: IncomingMessage): { path: string; query: URLSearchParams; route: Route | undefined } {
    const { pathname, searchParams } = parseUrl(request.url ?? '/')
    const path = pathname.length > 1 ? pathname.replace(/\/+$/, '') : pathname
    // A proxied path keeps its last slash.
    return { path, query: searchParams, route: routeOf(pathname.includes('/proxy/') ? pathname : path) }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query, route } = arrive(request)
    const user = identify(request, (token) => tokens.user(token))
    const method = request.method ?? 'GET'
    const asked: Attributes = route
      ? attributesOf(route, method, query)
      : { verb: method === 'HEAD' ? 'get' : method.toLowerCase(), path }
    const reviewing = method === 'POST' && user.groups.includes('system:authenticated') && path.endsWith('reviews')
    if (!reviewing && !allows(user, asked)) throw forbid(user, asked)
    const warn = (text: string): void =>
      void response.appendHeader(
        'warning',
        `299 - "${text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, '\\$&')}"`,
      )
    const exchange: Exchange = { request, response, path, query, user, log, warn }
    if (route) await onResource(exchange, route)
    else await elsewhere(exchange, reviewing)
  }

  async function onResource(exchange: Exchange, route: Route): Promise<void> {
    const { request, query } = exchange
    const method = request.method ?? 'GET'
    const { resource, name, subresource } = route
    if (subresource === undefined || (subresource === 'status' && resource.status)) {
      if (method === 'GET' || method === 'HEAD') {
        if (isTrue(query, 'watch')) return watch(exchange, registry, route)
        return name === undefined ? lister.list(exchange, route) : getOne(exchange, registry, route)
      }
      if (method === 'POST' && name === undefined) return create(exchange, registry, route)
      if (method === 'PUT' && name !== undefined) return update(exchange, registry, route)
      if (method === 'PATCH' && name !== undefined) return patch(exchange, registry, route)
      if (method === 'DELETE' && subresource === undefined)
        return name === undefined ? removeAll(exchange, registry, route) : remove(exchange, registry, route)
      throw notAllowed()
    }
    if (subresource === 'scale' && resource.scale) {
      if (method === 'GET' || method === 'PUT' || method === 'PATCH') return scale(exchange, registry, route)
      throw notAllowed()
    }
    if (subresource === 'ephemeralcontainers' && resource.kind === 'Pod') {
      if (method === 'GET') return getOne(exchange, registry, route)
      if (method === 'PUT') return update(exchange, registry, route)
      if (method === 'PATCH') return patch(exchange, registry, route)
      throw notAllowed()
    }
    if (subresource === 'binding' && resource.kind === 'Pod' && method === 'POST')
      return bind(exchange, registry, route)
    if (subresource === 'token' && resource.kind === 'ServiceAccount' && method === 'POST')
      return requestToken(exchange, tokens, route)
    if (subresource === 'finalize' && resource.kind === 'Namespace' && method === 'PUT')
      return update(exchange, registry, route)
    const target = nodes.targetOf(route, query)
    if (target === undefined) throw nothingAt(exchange.path)
    if (subresource === 'exec' || subresource === 'attach' || subresource === 'portforward')
      throw badRequest('Upgrade request required: this is answered over a WebSocket, or SPDY/3.1')
    return nodes.forward(exchange, target)
  }

  async function elsewhere(exchange: Exchange, reviewing: boolean): Promise<void> {
    const { request, response, path, query } = exchange
    if (reviewing && (await review(exchange, path))) return
    const extension = Object.hasOwn(extensions, path) ? extensions[path] : undefined
    if (extension && request.method === 'POST') {
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const answer = await extension(await bodyOf(request), gone.signal)
      return Symbol.asyncIterator in answer ? sendLines(response, answer) : send(response, 200, answer)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') throw nothingAt(path)
    if (path === '/healthz' || path === '/livez' || path === '/readyz')
      return sendText(response, 200, 'ok', 'text/plain')
    if (path === '/version') return send(response, 200, versionInfo)
    const document = discovery(path, request.headers.accept ?? '')
    if (document) return sendText(response, 200, JSON.stringify(document.body), document.type)
    // kubectl asks here when it finds a kind nowhere else. Empty, it goes on and says "no matches for kind".
    if (path === '/openapi/v2')
      return /protobuf/.test(request.headers.accept ?? '')
        ? sendText(response, 200, '', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
        : send(response, 200, {
            swagger: '2.0',
            info: { title: 'Kubernetes', version: versionInfo['gitVersion'] },
            paths: {},
          })
    if (path === '/openapi/v3') return send(response, 200, openapiIndex())
    if (path.startsWith('/openapi/v3/')) {
      const text = openapiDocument(path.slice('/openapi/v3/'.length))
      if (text !== undefined) {
        // Its address carries its hash: the same address is the same text for ever.
        if (query.has('hash')) response.setHeader('cache-control', 'public, immutable, max-age=31536000')
        return sendText(response, 200, text)
      }
    }
    if (path === '/')
      return send(response, 200, {
        paths: ['/api', '/apis', '/healthz', '/livez', '/openapi/v3', '/readyz', '/version'],
      })
    throw nothingAt(path)
  }

  async function connect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { path, query, route } = arrive(request)
    const user = identify(request, (token) => tokens.user(token))
    if (route === undefined) throw nothingAt(path)
    const asked = attributesOf(route, request.method ?? 'GET', query)
    if (!allows(user, asked)) throw forbid(user, asked)
    const target = nodes.targetOf(route, query)
    if (target === undefined) throw nothingAt(path)
    await nodes.upgrade(request, socket, head, target)
  }

  return {
    request(request, response) {
      serve(request, response).catch((error: unknown) => {
        // Not the request's socket: a request that was broken off has none.
        if (response.destroyed)
          log.debug({ error: messageOf(error) }, 'a client went away in the middle of its request')
        else sendError(response, error, log)
      })
    },
    upgrade(request, socket, head) {
      socket.on('error', (error) => log.debug({ error: error.message }, 'a client went away'))
      connect(request, socket, head).catch((error: unknown) => {
        if (socket.destroyed) return
        const { code, body } = statusOf(error, log)
        const text = JSON.stringify(body)
        socket.end(
          `HTTP/1.1 ${code} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
        )
      })
    },
  }
}

function parseUrl(text: string): URL {
  try {
    return new URL(text, 'https://api')
  } catch (error) {
    throw badRequest(`the address of the request cannot be read: ${messageOf(error)}`)
  }
}

function notAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
}
