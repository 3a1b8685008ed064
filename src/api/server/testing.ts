// What tests of the server have in common: one that runs for as long as a file's tests do, and is asked over HTTPS.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Agent, request, type RequestOptions } from 'node:https'
import { after, before } from 'node:test'
import type { Connection } from '../client/http.ts'
import { type TestApi, testApi } from '../testing.ts'

export const maps = '/api/v1/namespaces/default/configmaps'

export interface Call {
  method?: string
  /** Anything but text is sent as JSON. */
  body?: unknown
  headers?: Record<string, string>
  /** Default: the administrator's. */
  agent?: Agent
}

/** What came as JSON: its test looks into it, and fails where something else is. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

/** `json` where the answer is JSON. */
export type Answer = { code: number; headers: IncomingMessage['headers']; text: string; json: Json }

export interface AskedServer {
  /** There once the tests have begun. */
  cluster(): TestApi
  /** Connections of somebody; with `cert` and `key` left out, of nobody. The test ends them. */
  agentOf(connection: Partial<Connection>): Agent
  /** The administrator's connections. */
  admin(): Agent
  /** The answer while it comes. */
  open(path: string, call?: Call): Promise<IncomingMessage>
  /** The whole answer. */
  call(path: string, call?: Call): Promise<Answer>
  /** The first `count` events of a watch, which ends with them. */
  events(path: string, count: number, headers?: Record<string, string>): Promise<{ type: string; object: Json }[]>
}

/** Begins before this file's tests, and ends after them. */
export function askServer(): AskedServer {
  let cluster: TestApi
  let admin: Agent
  before(async () => {
    cluster = await testApi()
    admin = agentOf(cluster.as('admin'))
  })
  after(async () => {
    admin?.destroy()
    await cluster?.[Symbol.asyncDispose]()
  })

  const agentOf: AskedServer['agentOf'] = ({ ca, cert, key }) =>
    new Agent({ keepAlive: true, ca: ca ?? cluster.authority.cert, ...(cert && { cert }), ...(key && { key }) })

  const open: AskedServer['open'] = (path, { method = 'GET', body, headers = {}, agent = admin } = {}) =>
    new Promise((resolve, reject) => {
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
      const options: RequestOptions = {
        method,
        headers: { ...(text && { 'content-type': 'application/json' }), ...headers },
        agent,
      }
      const asked = request(`${cluster.server}${path}`, options, resolve)
      asked.on('error', reject)
      asked.end(text)
    })

  const call: AskedServer['call'] = async (path, options) => {
    const response = await open(path, options)
    const chunks: Buffer[] = []
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const isJson = text !== '' && response.headers['content-type']?.includes('json')
    const json: unknown = isJson ? JSON.parse(text) : undefined
    return { code: response.statusCode ?? 0, headers: response.headers, text, json }
  }

  const events: AskedServer['events'] = async (path, count, headers = {}) => {
    const response = await open(path, { headers })
    assert.equal(response.statusCode, 200)
    let text = ''
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString('utf8')
      if (text.split('\n').length > count) break
    }
    return text
      .trimEnd()
      .split('\n')
      .slice(0, count)
      .map((line) => JSON.parse(line))
  }
  return { cluster: () => cluster, admin: () => admin, agentOf, open, call, events }
}
