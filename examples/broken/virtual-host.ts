// A web server that knows one name, as those behind most names of the internet do: node virtual-host.ts NAME
import { createServer } from 'node:http'

const [name = 'localhost'] = process.argv.slice(2)
createServer((request, response) => {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '')
  // RFC 9110, 15.5.20: this server is not set up to answer for the name that was asked.
  if (host === name) response.end(`this is ${name}\n`)
  else response.writeHead(421).end(`there is no "${host}" here\n`)
}).listen(8080)
process.on('SIGTERM', () => process.exit(0))
