// The shop's front: one page. All it knows it asks the API for, by the name of a service.

import { createServer, type IncomingMessage, request as httpRequest, type Server, type ServerResponse } from 'node:http'
import type { Product } from './api.ts'

export interface Settings {
  /** Where the API is: `http://api`. */
  api: string
  title: string
  /** Which pod answers, on which node: shown on the page. */
  servedBy: string
}

const longestBody = 4096
const patienceMs = 3000

export function createWeb(settings: Settings): Server {
  return createServer((request, response) => {
    handle(request, response).catch((error: Error) => {
      console.error(`web: ${request.method} ${request.url}: ${error.message}`)
      send(response, 502, sorry(settings, error.message))
    })
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (`${request.method} ${request.url}`) {
      case 'GET /': {
        const [catalogue, orders] = await Promise.all([ask('GET', '/products'), ask('GET', '/orders')])
        return send(response, 200, page(settings, catalogue, orders))
      }
      case 'POST /orders': {
        const { status, text } = await ask('POST', '/orders', await bodyOf(request))
        if (status !== 201) return send(response, status, sorry(settings, text))
        response.writeHead(303, { location: '/' }).end()
        return
      }
      case 'GET /healthz':
        return send(response, 200, 'alive\n')
      default:
        return send(response, 404, sorry(settings, `there is no ${request.method} ${request.url}`))
    }
  }

  function ask(method: string, path: string, body?: string): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    // A connection of its own per question: the service picks a pod per connection, so each may be answered by another one.
    const question = httpRequest(settings.api + path, { method, agent: false, timeout: patienceMs }, (reply) => {
      let text = ''
      reply.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      reply.on('end', () =>
        resolve({ status: reply.statusCode ?? 0, text, servedBy: String(reply.headers['x-served-by'] ?? 'nobody') }),
      )
      reply.on('error', reject)
    })
    question.on('timeout', () => question.destroy(new Error(`${settings.api} did not answer within ${patienceMs} ms`)))
    question.on('error', reject)
    question.end(body)
    return promise
  }
}

interface Reply {
  status: number
  text: string
  servedBy: string
}

function page({ title, servedBy }: Settings, catalogue: Reply, orders: Reply): string {
  if (catalogue.status !== 200) throw new Error(`the API says: ${catalogue.text}`)
  const { currency, products } = JSON.parse(catalogue.text) as { currency: string; products: Product[] }
  const past = orders.status === 200 ? (JSON.parse(orders.text) as { number: number; product: string }[]) : undefined
  const rows = products.map(
    ({ id, name, price }) => `<li>${escape(name)}, ${(price / 100).toFixed(2)} ${escape(currency)}
      <form method="post" action="/orders"><button name="product" value="${escape(id)}">order</button></form></li>`,
  )
  const last = (past ?? []).slice(-5).map(({ number, product }) => `<li>no. ${number}: ${escape(product)}</li>`)
  return html(
    title,
    `<ul>${rows.join('')}</ul>
    <h2>${past ? `${past.length} orders` : 'The orders cannot be read: is the store there?'}</h2><ul>${last.join('')}</ul>
    <footer>page by ${escape(servedBy)}; products by ${escape(catalogue.servedBy)}; orders by ${escape(orders.servedBy)}</footer>`,
  )
}

function sorry({ title }: Settings, why: string): string {
  return html(title, `<p>Sorry, the shop cannot do that now: ${escape(why)}</p>`)
}

function html(title: string, body: string): string {
  return `<!doctype html><meta charset="utf-8"><title>${escape(title)}</title><h1>${escape(title)}</h1>${body}\n`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(body)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) {
    text += part
    if (text.length > longestBody) throw new Error('that order is too long')
  }
  return text
}

if (import.meta.main) {
  const { API = 'http://api', SHOP_TITLE = 'Shop', POD_NAME = 'web', NODE_NAME = 'nowhere' } = process.env
  const settings = { api: API, title: SHOP_TITLE, servedBy: `${POD_NAME} on ${NODE_NAME}` }
  createWeb(settings).listen(8080, () => console.log(`web: listening on port 8080, API at ${API}`))
  // The first process of a container gets no default for SIGTERM: without this line its end takes the whole grace period.
  process.on('SIGTERM', () => process.exit(0))
}
