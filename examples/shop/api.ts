// What the shop sells and who ordered what, as JSON. It keeps nothing itself: every instance asks the same store.

import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { type StoreClient, storeClient } from './store-client.ts'

export interface Product {
  id: string
  name: string
  /** In cents. */
  price: number
}

export interface Settings {
  products: Product[]
  currency: string
  /** Which pod answers, on which node: shown on the page. */
  servedBy: string
  /** How long a readiness probe waits for the store to come. */
  patienceMs?: number
}

const longestBody = 4096
const retryMs = 50

export function createApi(store: StoreClient, settings: Settings): Server {
  return createServer((request, response) => void handle(request, response))

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await answer(request).catch((error: Error): Answer => {
      console.error(`api: ${request.method} ${request.url}: ${error.message}`)
      return [503, { error: error.message }]
    })
    response.writeHead(status, { 'content-type': 'application/json', 'x-served-by': settings.servedBy })
    response.end(`${JSON.stringify(body)}\n`)
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    switch (`${request.method} ${request.url}`) {
      case 'GET /products':
        return [200, { currency: settings.currency, products: settings.products }]
      case 'GET /orders':
        return [200, (await store.list('order:')).map(([, text]) => JSON.parse(text) as unknown)]
      case 'POST /orders':
        return order(await bodyOf(request))
      // Alive is who answers; ready is only who could also serve a customer.
      case 'GET /healthz':
        return [200, { alive: true }]
      case 'GET /readyz':
        await reached(store, settings.patienceMs ?? 2000)
        return [200, { ready: true }]
      default:
        return [404, { error: `there is no ${request.method} ${request.url}` }]
    }
  }

  async function order(text: string | undefined): Promise<Answer> {
    if (text === undefined) return [413, { error: `an order has at most ${longestBody} bytes` }]
    const product = settings.products.find(({ id }) => id === new URLSearchParams(text).get('product'))
    if (!product) return [422, { error: 'no such product' }]
    const number = await store.increment('orders')
    const made = { number, product: product.id, price: product.price }
    await store.set(`order:${number}`, JSON.stringify(made))
    return [201, made]
  }
}

/** Waits inside the probe, so that a store that comes a moment later makes this ready at once, not at the next probe. */
async function reached(store: StoreClient, patienceMs: number): Promise<void> {
  for (const end = Date.now() + patienceMs; ; ) {
    try {
      return await store.ping()
    } catch (error) {
      if (Date.now() >= end) throw error
      await setTimeout(retryMs)
    }
  }
}

type Answer = [status: number, body: unknown]

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) {
    text += part
    if (text.length > longestBody) return undefined
  }
  return text
}

if (import.meta.main) {
  const { STORE = 'store:6379', SHOP_CURRENCY = 'EUR', POD_NAME = 'api', NODE_NAME = 'nowhere' } = process.env
  const products = JSON.parse(readFileSync(process.env['PRODUCTS'] ?? 'products.json', 'utf8')) as Product[]
  const settings = { products, currency: SHOP_CURRENCY, servedBy: `${POD_NAME} on ${NODE_NAME}` }
  createApi(storeClient(STORE), settings).listen(8080, () =>
    console.log(`api: listening on port 8080, store at ${STORE}`),
  )
  // The first process of a container gets no default for SIGTERM: without this line its end takes the whole grace period.
  process.on('SIGTERM', () => process.exit(0))
}
