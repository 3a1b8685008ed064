// Says hello over HTTP: who answers, and whom it sees asking. PORT says where it listens.

import { createServer, type Server } from 'node:http'

export function createHello(name: string): Server {
  return createServer((request, response) => {
    response.setHeader('content-type', 'text/plain')
    response.end(`hello from ${name}; you are ${request.socket.remoteAddress}, you asked for ${request.headers.host}\n`)
  })
}

if (import.meta.main) {
  const { HOSTNAME = 'nobody', PORT = '8080' } = process.env
  const server = createHello(HOSTNAME)
  server.on('error', (error) => {
    console.error(`hello: cannot listen on port ${PORT}: ${error.message}`)
    process.exit(1)
  })
  server.listen(Number(PORT), '0.0.0.0', () => console.log(`hello: listening on port ${PORT}`))
  process.on('SIGTERM', () => process.exit(0))
}
