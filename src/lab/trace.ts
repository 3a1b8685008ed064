import { request as httpsRequest } from 'node:https'
import type { Authority } from '../api/certificates/authority.ts'
import { makeClientCertificate } from '../api/certificates/certificates.ts'
import { ApiError, type Client } from '../api/client/client.ts'
import { KubehopError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { explain } from '../doctor/explain.ts'
import { agentPort } from '../node/describe.ts'
import { localAgent } from '../trace/agent.ts'
import { traceRequest } from '../trace/coordinate.ts'
import { httpAgent } from '../trace/http.ts'
import type { Trace } from '../trace/types.ts'
import { nodeDnsAddress, routerAddress, type Settings } from './settings.ts'
import type { Wire } from './wire.ts'

export const tracePath = '/kubehop/trace'

/** Answers `POST /kubehop/trace`: nodes are watched by their agents, the router by this process. */
export function traceExtension(
  settings: Settings,
  wire: Wire,
  authority: Authority,
  client: () => Client,
  log: Log,
): (body: unknown, gone: AbortSignal) => Promise<Trace> {
  const tls = {
    ca: authority.cert,
    ...makeClientCertificate(authority, { name: 'kubehop-trace', groups: ['system:masters'] }),
  }
  const router = localAgent({
    node: 'router',
    kind: 'router',
    ns: wire.router,
    podNetns: () => undefined,
    podFile: () => '',
  })
  const addresses = new Map(wire.nodes.map(({ name, address }) => [name, address]))
  return async (body, signal) => {
    const { from, to, namespace, timeoutMs } = read(body)
    try {
      return await traceRequest({
        client: client(),
        from,
        to,
        ...(namespace !== undefined && { namespace }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        zone: settings.zone,
        ...(settings.nodeDns && { nodeDns: nodeDnsAddress }),
        ranges: { pods: settings.podCidr, services: settings.serviceCidr, nodes: settings.nodeCidr },
        places: {
          node(name) {
            const host = addresses.get(name)
            return host && httpAgent(name, (options) => httpsRequest({ ...tls, host, port: agentPort, ...options }))
          },
          router: { name: 'router', address: routerAddress(settings), agent: router },
        },
        signal,
        explain,
        log,
      })
    } catch (error) {
      // What cannot be traced is the asker's to know; anything else is ours, and logged by the server.
      if (error instanceof KubehopError && error.room === 'trace') throw new ApiError(422, error.code, error.plain)
      throw error
    }
  }
}

interface TraceWish {
  from: string
  to: string
  namespace: string | undefined
  timeoutMs: number | undefined
}

function read(body: unknown): TraceWish {
  const { from, to, namespace, timeoutMs } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >
  const texts = [from, to].every((text) => typeof text === 'string' && text.length < 1000)
  const named = namespace === undefined || (typeof namespace === 'string' && namespace.length < 254)
  const timed = timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= 100_000)
  if (!texts || !named || !timed) {
    throw new ApiError(
      400,
      'BadRequest',
      'a trace is { from, to } and, if wished, a namespace and timeoutMs (up to 100000)',
    )
  }
  return { from, to, namespace, timeoutMs } as TraceWish
}
