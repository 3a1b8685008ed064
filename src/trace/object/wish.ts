import type { TraceDestination, TraceObject } from '../../api/objects/trace.ts'

/** What a Trace object asks for, as `kubehop trace` takes it. The object is valid: exactly one source and one destination. */
export interface ObjectWish {
  readonly from: string
  readonly to: string
  readonly timeoutMs?: number
}

export function wishOf({ metadata, spec }: TraceObject): ObjectWish {
  const { source, destination, protocol, timeout } = spec
  const home = metadata.namespace ?? 'default'
  const from =
    source.pod !== undefined
      ? `${source.namespace ?? home}/pod/${source.pod}`
      : source.node !== undefined
        ? `node/${source.node}`
        : 'outside'
  return {
    from,
    to: destination.url ?? `${schemeOf(protocol)}${hostOf(destination, home, protocol)}`,
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
  }
}

function schemeOf(protocol: string | undefined): string {
  return protocol === undefined ? '' : `${protocol.toLowerCase()}://`
}

/** HTTP speaks to names: a service and a pod have theirs in DNS, or the client’s Host header would be none that they know. */
function hostOf(
  { namespace, pod, service, node, ip, name, port }: TraceDestination,
  home: string,
  protocol: string | undefined,
): string {
  const where = namespace ?? home
  const end = port === undefined ? '' : `:${port}`
  const http = protocol === 'HTTP' || protocol === 'HTTPS'
  if (service !== undefined) return http ? `${service}.${where}.svc${end}` : `${where}/svc/${service}${end}`
  if (pod !== undefined) return `${where}/pod/${pod}${end}`
  if (node !== undefined) return `node/${node}${end}`
  if (ip !== undefined) return ip.includes(':') ? `[${ip}]${end}` : `${ip}${end}`
  return `${name ?? ''}${end}`
}
