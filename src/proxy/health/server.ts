import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Address } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { ProxyMetrics } from '../metrics/metrics.ts'
import { openDoor } from './door.ts'
import type { Health } from './health.ts'
import { keepListening, type Listening } from './listen.ts'

export interface HealthServerOptions {
  readonly ns?: Netns | undefined
  readonly address: Address
  readonly port: number
  readonly health: Health
  readonly metrics: ProxyMetrics
  readonly log: Log
}

export interface MetricsServerOptions {
  readonly ns?: Netns | undefined
  readonly address: Address
  readonly port: number
  readonly metrics: ProxyMetrics
  readonly log: Log
}

/** /healthz: may this node be sent new connections? False once it is about to go (KEP-3836). /livez: is the proxy well? Then it need not be restarted. */
export function startHealth({ ns, address, port, health, metrics, log }: HealthServerOptions): Listening {
  const answer = (path: 'healthz' | 'livez', response: ServerResponse): void => {
    const report = health.report()
    const good = report.healthy && (path === 'livez' || report.nodeEligible)
    const code = good ? 200 : 503
    metrics.answered(path, code)
    response.writeHead(code, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' })
    // As upstream: who is well has just been looked at, and /livez does not speak of the node.
    const lastUpdated = good ? report.currentTime : report.lastUpdated
    const nodeEligible = path === 'livez' ? undefined : report.nodeEligible
    response.end(JSON.stringify({ ...report, lastUpdated, nodeEligible }))
  }
  return serve(
    {
      ns,
      address,
      port,
      what: 'health checks',
      log,
      most: 64,
      patience: 5_000,
    },
    {
      '/healthz': (_, response) => answer('healthz', response),
      '/livez': (_, response) => answer('livez', response),
    },
  )
}

/** As many scrapes at once as there may be; each holds what it has read of the kernel. */
const mostScrapes = 4

/** /metrics, and what upstream has on the same port: /healthz, which says that it answers, and /proxyMode. */
export function startMetricsServer({ ns, address, port, metrics, log }: MetricsServerOptions): Listening {
  let scrapes = 0
  return serve(
    { ns, address, port, what: 'metrics', log, most: 64, patience: 60_000 },
    {
      '/metrics'(request, response) {
        if (scrapes >= mostScrapes) {
          response.writeHead(503).end('too many scrapes at once\n')
          return
        }
        scrapes++
        metrics
          .write(request, response)
          .catch((error: unknown) => {
            log.warn({ error: messageOf(error) }, 'a scrape failed')
            response.destroy()
          })
          .finally(() => scrapes--)
      },
      '/healthz': (_, response) => text(response, 'ok'),
      '/proxyMode': (_, response) => text(response, 'nftables'),
    },
  )
}

interface Place {
  readonly ns: Netns | undefined
  readonly address: Address
  readonly port: number
  readonly what: string
  readonly log: Log
  readonly most: number
  readonly patience: number
}

function serve(
  { ns, address, port, what, log, most, patience }: Place,
  paths: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>,
): Listening {
  const door = openDoor(
    (request, response) => {
      const path = request.url?.split('?')[0] ?? ''
      if (Object.hasOwn(paths, path)) paths[path]?.(request, response)
      else response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n')
    },
    { most, patience },
  )
  const listening = keepListening({
    ns,
    address,
    port,
    take: (connection) => door.take(connection),
    onProblem(say) {
      if (say === undefined) log.info({ address, port }, `answering ${what}`)
      else log.warn({ address, port }, `cannot answer ${what} yet: ${say}`)
    },
  })
  return {
    close() {
      listening.close()
      door.close()
    },
  }
}

function text(response: ServerResponse, say: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }).end(say)
}
