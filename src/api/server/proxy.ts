import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { ApiError } from '../client/client.ts'
import { badRequest } from '../errors.ts'
import type { Node } from '../objects/node.ts'
import type { Pod } from '../objects/pod.ts'
import type { Registry } from '../registry/registry.ts'
import { resources } from '../resources.ts'
import type { Exchange } from './exchange.ts'
import { followLog } from './follow-log.ts'
import { absolute, checkLogOptions, containerOf, isSet } from './pod-options.ts'
import { headOf, hopByHop, joined, relayHead } from './relay.ts'
import type { Route } from './route.ts'

/** How the API server shows itself to nodes' agents. PEM texts. */
export interface NodeConnection {
  ca: string
  cert: string
  key: string
}

/** An agent's address and the path to ask it for. */
interface Target {
  node: string
  host: string
  port: number
  path: string
  /** The client speaks of a pod and knows nothing of agents: their refusals become the API's own. */
  ofPod: boolean
  /** A container's log, followed. */
  follows?: boolean
}

const connectTimeoutMs = 10_000
const keepAliveMs = 30_000
/** Subresources of a pod that its node answers. */
const ofPods = new Set(['log', 'exec', 'attach', 'portforward'])
/** Of the client's request, all that concerns an agent. */
const passedOn = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'accept',
  'user-agent',
  'x-stream-protocol-version',
]

/** Passes requests on to the agents of nodes: logs, exec, attach, portforward and nodes/proxy. */
export class NodeProxy {
  readonly #registry: Registry
  readonly #agent: Agent

  constructor(registry: Registry, connection: NodeConnection) {
    this.#registry = registry
    this.#agent = new Agent({ ...connection, keepAlive: true, minVersion: 'TLSv1.2' })
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Undefined: this route is not one that is passed on. */
  targetOf(
    { resource, name = '', namespace = '', subresource, rest }: Route,
    query: URLSearchParams,
  ): Target | undefined {
    if (resource.kind === 'Node' && subresource === 'proxy') {
      const search = query.size === 0 ? '' : `?${query.toString()}`
      return this.#at(name, `${rest || '/'}${search}`, false)
    }
    if (resource.kind !== 'Pod' || !ofPods.has(subresource ?? '')) return undefined
    const pod = this.#registry.get(resource, name, namespace) as unknown as Pod
    if (!pod.spec.nodeName) throw badRequest(`pod ${name} does not have a host assigned`)
    if (subresource === 'portforward') {
      const where = [namespace, name].map(encodeURIComponent).join('/')
      return this.#at(pod.spec.nodeName, `/portForward/${where}?${query.toString()}`)
    }
    const container = containerOf(pod, query.get('container') || undefined)
    const where = [namespace, name, container].map(encodeURIComponent).join('/')
    if (subresource === 'log') {
      checkLogOptions(query)
      const asked = absolute(query)
      const target = this.#at(pod.spec.nodeName, `/containerLogs/${where}?${asked.toString()}`)
      return { ...target, follows: isSet(query, 'follow') }
    }
    const verb = subresource === 'attach' ? 'attach a container' : 'exec into a container'
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed')
      throw badRequest(`cannot ${verb} in a completed pod; current phase is ${pod.status.phase}`)
    if (subresource === 'exec' && query.getAll('command').length === 0)
      throw badRequest('you must specify at least 1 command')
    const asked = new URLSearchParams(query)
    // kubelet calls the streams input, output and error.
    for (const [ours, theirs] of [
      ['stdin', 'input'],
      ['stdout', 'output'],
      ['stderr', 'error'],
    ] as const)
      if (isSet(query, ours)) asked.set(theirs, '1')
    if (isSet(query, 'tty')) asked.set('tty', '1')
    return this.#at(pod.spec.nodeName, `/${subresource}/${where}?${asked.toString()}`)
  }

  /** An ordinary request and its answer, streamed both ways. A log that is followed goes on when the agent is replaced. */
  forward(exchange: Exchange, target: Target): Promise<void> {
    if (target.follows === true)
      return followLog(exchange, target.path, (path) => this.#ask(exchange.request, { ...target, path }))
    return this.#forward(exchange, target)
  }

  /** Rejects with the agent's refusal. */
  #ask(request: IncomingMessage, target: Target): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const upstream = httpsRequest({ ...this.#options(request, target, passedOn), timeout: connectTimeoutMs })
      upstream.once('timeout', () => upstream.destroy(new Error('no answer to the connection')))
      upstream.once('error', (error) => reject(unreachable(target, error)))
      upstream.once('response', (answer) => {
        upstream.setTimeout(0)
        if ((answer.statusCode ?? 0) >= 400) refusalOf(answer).then(reject, reject)
        else resolve(answer)
      })
      upstream.end()
    })
  }

  #forward({ request, response, log }: Exchange, target: Target): Promise<void> {
    return new Promise((resolve, reject) => {
      const upstream = httpsRequest(this.#options(request, target, passedOn))
      upstream.once('socket', (socket) => {
        socket.setTimeout(connectTimeoutMs, () => upstream.destroy(new Error('no answer to the connection')))
        socket.once('secureConnect', () => socket.setTimeout(0))
        if (!socket.connecting) socket.setTimeout(0)
      })
      upstream.once('error', (error) => reject(unreachable(target, error)))
      upstream.once('response', (answer) => {
        if (target.ofPod && (answer.statusCode ?? 0) >= 400) return void refusalOf(answer).then(reject, reject)
        relayHead(answer, response)
        pipeline(answer, response, (error) => {
          if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
            log.debug({ error: error.message }, 'a proxied answer broke off')
          resolve()
        })
      })
      response.once('close', () => upstream.destroy())
      pipeline(request, upstream, () => {})
    })
  }

  /** A WebSocket, or SPDY: the agent's handshake goes back to the client as it is, then bytes flow both ways. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, target: Target): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const upstream = httpsRequest({ ...this.#options(request, target, upgradeHeaders), timeout: connectTimeoutMs })
    upstream.once('timeout', () => upstream.destroy(new Error('no answer to the connection')))
    upstream.once('error', (error) => reject(unreachable(target, error)))
    upstream.once('response', (answer) => {
      if (target.ofPod && (answer.statusCode ?? 0) >= 400) return void refusalOf(answer).then(reject, reject)
      socket.write(headOf(answer, hopByHop, 'connection: close'))
      pipeline(answer, socket, () => resolve())
    })
    upstream.once('upgrade', (answer, other, rest) => {
      other.setTimeout(0)
      // A client whose machine vanished sends no end.
      ;(socket as Socket).setKeepAlive(true, keepAliveMs)
      socket.write(headOf(answer))
      if (rest.length > 0) socket.write(rest)
      if (head.length > 0) other.write(head)
      joined(socket as Socket, other)
      resolve()
    })
    socket.once('close', () => upstream.destroy())
    upstream.end()
    return promise
  }

  #at(name: string, path: string, ofPod = true): Target {
    const node = this.#registry.get(resources.Node, name) as unknown as Node
    const addresses = node.status?.addresses ?? []
    const host = (addresses.find((one) => one.type === 'InternalIP') ?? addresses[0])?.address
    if (host === undefined) throw new ApiError(503, 'ServiceUnavailable', `node ${name} has no address yet`)
    return { node: name, host, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250, path, ofPod }
  }

  #options(request: IncomingMessage, { host, port, path }: Target, wanted: string[]): RequestOptions {
    const headers = Object.fromEntries(
      wanted.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]])),
    )
    return { agent: this.#agent, method: request.method ?? 'GET', host, port, path, headers }
  }
}

const upgradeHeaders = [
  ...passedOn,
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
]

const longestRefusal = 2048

/** What the agent said, in a form that kubectl shows. */
async function refusalOf(answer: IncomingMessage): Promise<ApiError> {
  let text = ''
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.length > longestRefusal) break
  }
  const code = answer.statusCode ?? 500
  const reason = code === 404 ? 'NotFound' : code === 400 ? 'BadRequest' : 'InternalError'
  return new ApiError(code, reason, text.trim().slice(0, longestRefusal))
}

function unreachable({ node, host, port }: Target, error: Error): ApiError {
  return new ApiError(
    503,
    'ServiceUnavailable',
    `error dialing the agent of ${node} at ${host}:${port}: ${error.message}`,
  )
}
