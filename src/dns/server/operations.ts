import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf } from '../../base/errors.ts'
import { exposition } from '../../base/metrics/exposition.ts'
import type { Family } from '../../base/metrics/family.ts'
import type { DnsConfig, Place } from '../config/config.ts'

const pageNames = ['health', 'ready', 'metrics'] as const
type PageName = (typeof pageNames)[number]

/** A status and a body, made anew for each request. */
type Make = () => Made | Promise<Made>

interface Made {
  status: number
  type?: string
  body: string
}

/**
 * What the three pages say. Health is that the process turns round. `missing`: what is not ready, in a word each: nothing should be sent here before there
 * is none. In lame duck mode /ready says so while /health is well, as in CoreDNS.
 */
export function operationPages({
  missing,
  families,
}: {
  missing: () => readonly string[]
  families: () => Iterable<Family> | Promise<Iterable<Family>>
}): Record<PageName, Make> {
  return {
    health: () => ({ status: 200, body: 'OK' }),
    ready() {
      const parts = missing()
      return parts.length === 0 ? { status: 200, body: 'OK' } : { status: 503, body: parts.join(',') }
    },
    metrics: shared(async () => {
      let body = ''
      for await (const piece of exposition(await families())) body += piece
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body }
    }),
  }
}

/**
 * What takes milliseconds, in which nobody else is answered: who asks meanwhile has the next one with all others, and sockets have their turn between two.
 * Otherwise a few hundred requests at once would hold up names for seconds.
 */
function shared(make: () => Promise<Made>): () => Promise<Made> {
  let last: Promise<unknown> = Promise.resolve()
  let next: Promise<Made> | undefined
  return () =>
    (next ??= last.then(async () => {
      await new Promise(setImmediate)
      next = undefined
      const made = make()
      last = made.catch(() => {})
      return made
    }))
}

/** Health, readiness and metrics, each on a port of its own as CoreDNS has them, where they are wanted; port 0 takes any. */
export async function openOperations(
  config: Pick<DnsConfig, PageName>,
  pages: Record<PageName, Make>,
): Promise<{ ports: { [name in PageName]?: number }; close(): Promise<void> }> {
  const servers: Server[] = []
  const ports: { [name in PageName]?: number } = {}
  const close = async (): Promise<void> => {
    await Promise.all(
      servers.map(async (server) => {
        const closed = once(server, 'close')
        server.close()
        server.closeAllConnections()
        await closed
      }),
    )
  }
  try {
    for (const name of pageNames) {
      const at = config[name]
      if (!at) continue
      const server = await servePage(at, `/${name}`, pages[name])
      servers.push(server)
      const bound = server.address()
      ports[name] = typeof bound === 'object' && bound ? bound.port : 0
    }
  } catch (error) {
    await close()
    throw error
  }
  return { ports, close }
}

const plain = 'text/plain; charset=utf-8'

async function servePage({ address, port }: Place, path: string, make: Make): Promise<Server> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = request.url?.split('?')[0] === path && (request.method === 'GET' || request.method === 'HEAD')
    const { status, type = plain, body } = asked ? await make() : { status: 404, body: 'not found\n' }
    response.writeHead(status, { 'content-type': type }).end(body)
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': plain }).end(`${messageOf(error)}\n`)
    })
  })
  const listening = once(server, 'listening')
  server.listen(port, address)
  await listening
  return server
}
