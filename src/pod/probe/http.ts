import type { IncomingMessage, RequestOptions } from 'node:http'
import { isIP } from 'node:net'
import type { HttpGet } from '../../api/objects/pod.ts'
import { longestTimerMs } from '../../base/timer.ts'
import { systemReason } from './reason.ts'
import { portOf, type ProbeResult, type ProbeTarget } from './target.ts'

const maxBody = 10 * 1024
const maxRedirects = 10
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export interface HttpWishes {
  /** Of all requests together. */
  timeoutMs: number
  /** What asks: `kube-probe` or `kube-lifecycle`. */
  agent: string
  /** Whether a redirect to another host is followed; a probe takes it for an answer. */
  elsewhere: boolean
  /** Aborted: the answer is of no use any more. */
  signal?: AbortSignal | undefined
}

export interface HttpAnswer {
  status: number
  /** As much of it as is read. */
  body: string
}

/** A httpGet probe (k8s.io/kubernetes/pkg/probe/http): 200 to 299 is well, 300 to 399 is well with a warning. */
export async function httpProbe(get: HttpGet, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const place = placeOf(get, target)
  try {
    const { status, body } = await httpGet(place, get, { timeoutMs, agent: 'kube-probe', elsewhere: false })
    if (status < 200 || status >= 400)
      return { outcome: 'failure', say: `HTTP probe failed with statuscode: ${status}` }
    if (status >= 300) return { outcome: 'warning', say: `Probe terminated redirects, Response body: ${body}` }
    return { outcome: 'success', say: `HTTP ${status}` }
  } catch (error) {
    return { outcome: 'failure', say: (error as Error).message }
  }
}

/** Where a httpGet goes. Throws when its port is none. */
export function placeOf({ host, port, path = '/', scheme }: HttpGet, target: ProbeTarget): URL {
  const at = host || target.podIP
  const secure = scheme?.toLowerCase() === 'https'
  const authority = `${isIP(at) === 6 ? `[${at}]` : at}:${portOf(port, target.container)}`
  return new URL(`${secure ? 'https' : 'http'}://${authority}${path.startsWith('/') ? path : `/${path}`}`)
}

/** The answer that the redirects lead to. Throws an Error in Go's words. */
export async function httpGet(place: URL, get: HttpGet, wishes: HttpWishes): Promise<HttpAnswer> {
  const end = AbortSignal.timeout(Math.min(wishes.timeoutMs, longestTimerMs))
  const signal = wishes.signal ? AbortSignal.any([end, wishes.signal]) : end
  const headers = headersOf(get, wishes.agent)
  let url = place
  for (let followed = 0; ; followed++) {
    const { answer, location } = await once(url, headers, signal)
    if (!redirects.has(answer.status) || location === undefined) return answer
    const next = new URL(location, url)
    if (next.hostname !== place.hostname && !wishes.elsewhere) return answer
    if (followed >= maxRedirects - 1) throw new Error(`Get "${shown(next)}": stopped after ${maxRedirects} redirects`)
    // A whole address says itself which host is meant; a path stays with the one that was asked for.
    if (URL.canParse(location)) headers.delete('host')
    url = next
  }
}

/** By lower-case name. A header that is given empty is not sent where there is a default for it. */
function headersOf({ httpHeaders = [] }: HttpGet, agent: string): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  for (const { name, value } of httpHeaders) {
    const key = name.toLowerCase()
    headers.set(key, [...(headers.get(key) ?? []), value])
  }
  for (const [name, value] of [
    ['user-agent', `${agent}/1.35`],
    ['accept', '*/*'],
  ] as const) {
    const given = headers.get(name)
    if (!given) headers.set(name, [value])
    else if (given[0] === '') headers.delete(name)
  }
  return headers
}

interface Once {
  answer: HttpAnswer
  location: string | undefined
}

async function once(url: URL, given: ReadonlyMap<string, string[]>, signal: AbortSignal): Promise<Once> {
  const secure = url.protocol === 'https:'
  if (!secure && url.protocol !== 'http:')
    throw new Error(`Get "${url.href}": unsupported protocol scheme "${url.protocol.slice(0, -1)}"`)
  const { request } = secure ? await import('node:https') : await import('node:http')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (secure ? 443 : 80))
  const { host: [asked] = [], ...headers } = Object.fromEntries(given)
  const options: RequestOptions & { servername?: string } = {
    host,
    port,
    path: `${url.pathname}${url.search}`,
    headers: { ...headers, host: asked || `${url.hostname}:${port}`, connection: 'close' },
    agent: false,
    setDefaultHeaders: false,
    signal,
    // A pod's certificate is its own business, and the name is that of the address, not of the Host header: kubelet does both alike.
    ...(secure && { rejectUnauthorized: false, servername: isIP(host) ? '' : host }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      readBody(response).then((body) => {
        resolve({ answer: { status: response.statusCode ?? 0, body }, location: response.headers.location })
        sent.destroy()
      }, fail)
    })
    function fail(error: NodeJS.ErrnoException): void {
      reject(new Error(`Get "${shown(url)}": ${signal.aborted ? late : reasonOf(error, `${url.hostname}:${port}`)}`))
      sent.destroy()
    }
    sent.on('error', fail)
    sent.end()
  })
}

const late = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'

/** The first 10 KiB; more is not waited for. */
function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const give = (): void => resolve(Buffer.concat(chunks).subarray(0, maxBody).toString('utf8'))
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBody) give()
    })
    response.once('end', give)
    response.on('error', reject)
  })
}

/** With its port, which is what people look for. */
function shown({ protocol, hostname, port, pathname, search }: URL): string {
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? 443 : 80)}${pathname}${search}`
}

function reasonOf(error: NodeJS.ErrnoException, authority: string): string {
  if (error.syscall === 'connect') return `dial tcp ${authority}: connect: ${systemReason(error)}`
  if (error.message === 'socket hang up') return 'EOF'
  if (error.code === 'EPROTO' && /wrong version number/i.test(error.message))
    return 'http: server gave HTTP response to HTTPS client'
  return `read tcp ${authority}: ${systemReason(error)}`
}
