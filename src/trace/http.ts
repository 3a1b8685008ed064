import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, RequestOptions, ServerResponse } from 'node:http'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Agent } from './agent.ts'
import type { Observation } from './observation.ts'
import { readLiveSpec } from './live/spec.ts'
import { readWatchSpec, record } from './observe/spec.ts'
import { type ProbeResult, readProbeSpec } from './probe/spec.ts'

// POST /trace/observe: the body's first line is a WatchSpec, or a LiveSpec; the answer is one Observation a line. The body stays open while watching
// is wanted: its end asks for the rest, and the answer ends after it. A connection that breaks ends everything at once.
// POST /trace/probe: a ProbeSpec in, a ProbeResult out.

const longestSpec = 256 * 1024
export const longestLine: number = 4 * 1024 * 1024

/** Answers what coordinators ask an agent over HTTP; false when the request is not for a trace. */
export function serveTrace(
  agent: Agent,
): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean> {
  return async (request, response, url) => {
    const serve =
      url.pathname === '/trace/observe' ? serveObserve : url.pathname === '/trace/probe' ? serveProbe : undefined
    if (!serve) return false
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST' }).end()
      return true
    }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    try {
      await serve(agent, request, response, gone)
    } catch (error) {
      if (response.headersSent) response.destroy()
      else
        answer(response, error instanceof KubehopError && error.room === 'trace' ? 400 : 500, {
          error: messageOf(error),
        })
      // A fault of ours is logged by whoever serves; what the asker did wrong is told to him alone.
      if (!(error instanceof KubehopError)) throw error
    }
    return true
  }
}

async function serveObserve(
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortController,
): Promise<void> {
  const lines = linesOf(request, longestSpec)
  const first = await lines.next()
  const spec = readSpec(parse(first.value ?? ''))
  const ended = (async () => {
    for await (const line of lines)
      if (line !== '')
        throw new KubehopError('trace', 'read the request', 'BadRequest', 'one line is all there is to say')
  })()
  ended.finally(() => gone.abort()).catch(() => {})
  for await (const observation of agent.observe(spec, gone.signal)) {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    if (!response.write(`${JSON.stringify(observation)}\n`) && !response.destroyed)
      await Promise.race([once(response, 'drain'), once(response, 'close')])
    if (response.destroyed) break
  }
  response.end()
}

function readSpec(value: unknown): Parameters<Agent['observe']>[0] {
  return record(value)['live'] === true ? readLiveSpec(value) : readWatchSpec(value)
}

async function serveProbe(
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortController,
): Promise<void> {
  let text = ''
  for await (const line of linesOf(request, longestSpec)) text += line
  const result = await agent.probe(readProbeSpec(parse(text)), gone.signal)
  answer(response, 200, result)
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** An agent behind HTTP. `open` begins a request to it: `(options) => https.request({ host, port, ...tls, ...options })`. */
export function httpAgent(name: string, open: (options: RequestOptions) => ClientRequest): Agent {
  return {
    async *observe(spec, signal): AsyncGenerator<Observation, void, undefined> {
      const request = open({
        method: 'POST',
        path: '/trace/observe',
        headers: { 'content-type': 'application/x-ndjson' },
      })
      const enough = (): void => void request.end()
      try {
        const response = responseTo(request, name)
        request.write(`${JSON.stringify(spec)}\n`)
        if (signal.aborted) enough()
        else signal.addEventListener('abort', enough, { once: true })
        let ended = false
        for await (const line of whole(name, linesOf(await response, longestLine))) {
          if (line === '') continue
          const observation = JSON.parse(line) as Observation
          ended = observation.kind === 'end'
          yield observation
        }
        if (!ended) throw gone(name)
      } finally {
        signal.removeEventListener('abort', enough)
        request.destroy()
      }
    },
    async probe(spec, signal): Promise<ProbeResult> {
      const request = open({ method: 'POST', path: '/trace/probe', headers: { 'content-type': 'application/json' } })
      const giveUp = (): void => void request.destroy(new Error('given up'))
      signal.addEventListener('abort', giveUp, { once: true })
      try {
        const response = responseTo(request, name)
        request.end(JSON.stringify(spec))
        let text = ''
        for await (const line of whole(name, linesOf(await response, longestLine))) text += line
        return JSON.parse(text) as ProbeResult
      } finally {
        signal.removeEventListener('abort', giveUp)
        request.destroy()
      }
    },
  }
}

async function responseTo(request: ClientRequest, name: string): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response').catch((error: unknown) => {
    throw failed(name, `the agent of ${name} cannot be reached: ${messageOf(error)}`, error)
  })) as [IncomingMessage]
  request.on('error', () => response.destroy())
  if (response.statusCode === 200) return response
  let text = ''
  for await (const line of linesOf(response, longestLine)) text += line
  const said = /^\{.*\}$/s.test(text) ? (JSON.parse(text) as { error?: string }).error : undefined
  throw failed(name, said ?? `HTTP ${response.statusCode} ${text.slice(0, 200)}`)
}

/** Lines of an agent that may end meanwhile, as by kill -9. */
async function* whole(name: string, lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  try {
    yield* lines
  } catch (error) {
    throw error instanceof KubehopError ? error : gone(name, error)
  }
}

function gone(name: string, cause?: unknown): KubehopError {
  return failed(name, `the agent of ${name} ended in the middle`, cause)
}

function failed(name: string, say: string, cause?: unknown): KubehopError {
  return new KubehopError('trace', `ask the agent of ${name}`, 'AgentFailed', say, { cause })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new KubehopError('trace', 'read the request', 'BadRequest', `the body is no JSON: ${messageOf(error)}`)
  }
}

/** Lines without their ends; the last one may lack it. */
export async function* linesOf(
  stream: AsyncIterable<Buffer>,
  longest: number,
): AsyncGenerator<string, void, undefined> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > longest)
      throw new KubehopError('trace', 'read lines', 'TooLong', `a line is longer than ${longest} characters`)
    yield* lines
  }
  if (rest !== '') yield rest
}
