import type { Proxy } from '../proxy/proxy.ts'
import type { Routes } from './routes.ts'

/**
 * GET /proxy/rules, with `?service=NAMESPACE/NAME` for one alone: what this node's kernel holds for services. GET /proxy/metrics: what it counts.
 */
export function proxyRoutes(proxy: Pick<Proxy, 'rules' | 'scrape'>): Routes {
  return async (request, response, url) => {
    if (url.pathname !== '/proxy/rules' && url.pathname !== '/proxy/metrics') return false
    if (request.method !== 'GET') {
      response.writeHead(405, { allow: 'GET' }).end()
      return true
    }
    if (url.pathname === '/proxy/metrics') {
      await proxy.scrape(request, response)
      return true
    }
    const only = url.searchParams.get('service') ?? undefined
    const text = await proxy.rules(only)
    response
      .writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/plain; charset=utf-8' })
      .end(text ?? noSuch(only ?? ''))
    return true
  }
}

function noSuch(service: string): string {
  const [namespace, name] = service.split('/')
  return name === undefined
    ? `"${service}" is no service's whole name: write NAMESPACE/NAME, for example default/${service}`
    : `there is no service ${name} in namespace ${namespace}`
}
