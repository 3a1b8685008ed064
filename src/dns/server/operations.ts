import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

export interface Page {
  port: number
  address: string
  path: string
  /** A status and a body, made anew for each request. */
  make: () => { status: number; type?: string; body: string }
}

export interface Operations {
  /** In the order of the pages. */
  ports: number[]
  close(): Promise<void>
}

/** Health, readiness and metrics, each on a port of its own as CoreDNS has them; port 0 takes any. */
export async function serveOperations(pages: readonly Page[]): Promise<Operations> {
  const servers: Server[] = []
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
    for (const page of pages) servers.push(await serveOne(page))
  } catch (error) {
    await close()
    throw error
  }
  const portOf = (server: Server): number => {
    const bound = server.address()
    return typeof bound === 'object' && bound ? bound.port : 0
  }
  return { ports: servers.map(portOf), close }
}

async function serveOne({ port, address, path, make }: Page): Promise<Server> {
  const server = createServer((request, response) => {
    const asked = request.url?.split('?')[0] === path && (request.method === 'GET' || request.method === 'HEAD')
    const { status, type = 'text/plain; charset=utf-8', body } = asked ? make() : { status: 404, body: 'not found\n' }
    response.writeHead(status, { 'content-type': type }).end(body)
  })
  const listening = once(server, 'listening')
  server.listen(port, address)
  await listening
  return server
}
