import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex, Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { pipeline } from 'node:stream/promises'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { LogOptions, LogPosition } from '../pod/log/reader.ts'
import type { Pods } from '../pod/pods.ts'
import { serveUpgrade } from './streams/upgrade.ts'

/** Where in a container's log an answer began: the API server asks on from there when the agent is another one. */
const logPosition = 'x-kubehop-log-position'

export interface ServerOptions {
  pods: Pods
  /** PEM texts: this node's certificate and key, and the authority that the API server's certificate must come from. */
  tls: { cert: string; key: string; ca: string }
  address: string
  port: number
  /** Answers what this file does not know; false when it does not either. */
  more: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>
  log: Log
}

/**
 * What the API server asks a node for, under kubelet's paths: `/containerLogs/NS/POD/CONTAINER`, `/exec/NS/POD/CONTAINER`,
 * `/attach/NS/POD/CONTAINER`, `/portForward/NS/POD` (WebSocket or SPDY), `/healthz`. Only clients with a certificate of the cluster's authority get past the handshake, and only administrators, of whom the API
 * server is one, get an answer: another node's certificate is not enough.
 */
export function startServer({ pods, tls, address, port, more, log }: ServerOptions): Server {
  const server = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3', handshakeTimeout: 10_000 },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        const code = statusOf(error)
        log[code === 500 ? 'warn' : 'debug']({ url: request.url, error: messageOf(error) }, 'a request failed')
        const say = error instanceof KubehopError ? error.plain : messageOf(error)
        if (response.headersSent) response.destroy()
        else response.writeHead(code, { 'content-type': 'text/plain' }).end(`${say}\n`)
      })
    },
  )

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url, words } = targetOf(request)
    const [action, namespace, pod, container] = words
    if (!isAdministrator(request)) response.writeHead(403).end('only administrators of the cluster are answered\n')
    else if (url.pathname === '/healthz') response.end('ok')
    else if (action === 'containerLogs' && namespace && pod && container) {
      const { lines, position } = await beginning(pods, namespace, pod, container, logOptions(url.searchParams))
      response.writeHead(200, { 'content-type': 'text/plain', ...(position && { [logPosition]: position }) })
      response.flushHeaders()
      response.once('close', () => lines.destroy())
      await pipeline(lines, response).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
      })
    } else if (!(await more(request, response, url))) response.writeHead(404).end(`nothing is at ${url.pathname}\n`)
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', (error) => log.debug({ error: error.message }, 'a client went away'))
    upgrade(request, socket, head).catch((error: unknown) => {
      log.debug({ url: request.url, error: messageOf(error) }, 'an upgrade was refused')
      const text = `${error instanceof KubehopError ? error.plain : messageOf(error)}\n`
      const heads = ['connection: close', 'content-type: text/plain', `content-length: ${Buffer.byteLength(text)}`]
      socket.end(`HTTP/1.1 ${statusOf(error)} Refused\r\n${heads.join('\r\n')}\r\n\r\n${text}`)
    })
  })

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (!isAdministrator(request))
      throw new KubehopError('node', 'upgrade', 'Forbidden', 'only administrators of the cluster are answered')
    const { url, words } = targetOf(request)
    await serveUpgrade({ request, socket, head, pods, words, query: url.searchParams, log })
  }

  server.listen(port, address)
  return server
}

interface Target {
  url: URL
  /** The path, word by word. */
  words: string[]
}

function targetOf(request: IncomingMessage): Target {
  try {
    const url = new URL(request.url ?? '/', 'https://node')
    return { url, words: url.pathname.split('/').slice(1).map(decodeURIComponent) }
  } catch (error) {
    throw new KubehopError('node', 'read a request', 'Invalid', messageOf(error), { cause: error })
  }
}

/** The API server's own certificate is in the first, or, where kubeadm made it, the second. */
const administrators = ['system:masters', 'kubeadm:cluster-admins']

function isAdministrator({ socket }: IncomingMessage): boolean {
  const { O = [] } = (socket as TLSSocket).getPeerCertificate().subject as { O?: string | string[] }
  return [O].flat().some((group) => administrators.includes(group))
}

const isSet = (query: URLSearchParams, name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '')

function logOptions(query: URLSearchParams): LogOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name)
    return text === null || !/^\d{1,15}$/.test(text) ? undefined : Number(text)
  }
  const numbers = {
    tailLines: number('tailLines'),
    sinceSeconds: number('sinceSeconds'),
    limitBytes: number('limitBytes'),
  }
  return {
    ...since(query),
    ...streamIn(query),
    ...resumeIn(query),
    follow: isSet(query, 'follow'),
    previous: isSet(query, 'previous'),
    timestamps: isSet(query, 'timestamps'),
    ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)),
  }
}

/** A log, and where its reading began; no place when there is nothing to read. */
async function beginning(
  pods: Pods,
  namespace: string,
  pod: string,
  container: string,
  options: LogOptions,
): Promise<{ lines: Readable; position: string | undefined }> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const onBegin = (from: LogPosition | undefined): void => resolve(from && `${from.id}:${from.at}`)
  const lines = pods.logs(namespace, pod, container, { ...options, onBegin })
  for (const event of ['error', 'close']) lines.once(event, () => resolve(undefined))
  lines.read(0)
  return { lines, position: await promise }
}

/** `resume=FILE:OFFSET&skip=BYTES`, from the header {@link logPosition} of an answer that broke off. */
function resumeIn(query: URLSearchParams): { resume?: NonNullable<LogOptions['resume']> } {
  const [, id, at] = /^(\d{1,20}-\d{1,20}):(\d{1,15})$/.exec(query.get('resume') ?? '') ?? []
  if (id === undefined || at === undefined) return {}
  return { resume: { from: { id, at: Number(at) }, skip: Number(query.get('skip') ?? 0) || 0 } }
}

function since(query: URLSearchParams): { sinceTime?: string } {
  const sinceTime = query.get('sinceTime')
  if (!sinceTime) return {}
  if (Number.isNaN(Date.parse(sinceTime)))
    throw new KubehopError('node', 'logs', 'Invalid', `sinceTime: ${JSON.stringify(sinceTime)} is no RFC 3339 time`)
  return { sinceTime }
}

function streamIn(query: URLSearchParams): { stream?: 'stdout' | 'stderr' } {
  const stream = query.get('stream')?.toLowerCase()
  return stream === 'stdout' || stream === 'stderr' ? { stream } : {}
}

/** A refusal that names a missing thing is 404; bad wishes are 400; the rest is ours. */
function statusOf(error: unknown): number {
  const code = (error as { code?: unknown }).code
  return code === 'NotFound' ? 404 : code === 'Invalid' ? 400 : code === 'Forbidden' ? 403 : 500
}
