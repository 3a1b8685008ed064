import type { ServerResponse } from 'node:http'

/** What there is to know of a service on this node. */
export interface Check {
  /** `namespace/name` */
  readonly service: string
  readonly localEndpoints: number
  /** The proxy itself is well. */
  readonly healthy: boolean
}

/** Whatever the path: 200 when this node may be sent connections to the service, else 503 (pkg/proxy/healthcheck/service_health.go). */
export function answerCheck(response: ServerResponse, { service, localEndpoints, healthy }: Check): void {
  const slash = service.indexOf('/')
  const body = {
    service: { namespace: service.slice(0, slash), name: service.slice(slash + 1) },
    localEndpoints,
    serviceProxyHealthy: healthy,
  }
  response
    .writeHead(localEndpoints > 0 && healthy ? 200 : 503, {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      // Balancers that weigh nodes by it send each endpoint the same share.
      'x-load-balancing-endpoint-weight': localEndpoints,
    })
    .end(JSON.stringify(body))
}
