import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { KubehopError, messageOf } from '../base/errors.ts'
import { factsPath, type MachineFacts } from './facts.ts'

const longest = 64 * 1024 * 1024
const patienceMs = 5000

/**
 * What the agent of a node says of its machine. `open` begins a request to it: `(options) => https.request({ host, port, ...tls, ...options })`.
 * Throws `AgentFailed` when it cannot be reached, does not answer within 5 s, or answers nonsense.
 */
export async function askFacts(
  node: string,
  open: (options: RequestOptions) => ClientRequest,
  signal?: AbortSignal,
): Promise<MachineFacts> {
  const patience = AbortSignal.timeout(patienceMs)
  const enough = signal ? AbortSignal.any([signal, patience]) : patience
  const request = open({ method: 'GET', path: factsPath, signal: enough })
  try {
    // A request that fails after its answer has begun must not be an error that nobody hears.
    request.on('error', () => {})
    request.end()
    const [response] = (await once(request, 'response', { signal: enough })) as [IncomingMessage]
    const text = await bodyOf(response)
    if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode} ${text.slice(0, 200).trim()}`)
    return readFacts(JSON.parse(text))
  } catch (error) {
    const say = patience.aborted ? `no answer within ${patienceMs / 1000} s` : messageOf(error)
    throw new KubehopError('doctor', `ask the agent of ${node}`, 'AgentFailed', say, { cause: error })
  } finally {
    request.destroy()
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length > longest) throw new Error(`the answer is longer than ${longest} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

/** An agent of another version may answer in another shape. */
function readFacts(body: unknown): MachineFacts {
  const facts = body as Partial<MachineFacts> | null
  const lists = [facts?.links, facts?.pods, facts?.sockets, facts?.routes, facts?.connections?.groups]
  if (typeof facts?.node !== 'string' || !lists.every(Array.isArray))
    throw new Error('the answer is no machine’s facts')
  return facts as MachineFacts
}
