import { type Address, parseAddress } from '../../base/address.ts'
import { didYouMean } from '../../base/nearest.ts'
import { isOwner, type ObjectName, parseObject, usage } from './object-name.ts'
import type { Protocol, Transport } from '../types.ts'

// What people type after `kubehop trace`, as values that can only be valid. Whether the things exist is resolve.ts's question.

export interface Target {
  readonly protocol: Protocol
  readonly host:
    | { readonly kind: 'object'; readonly object: ObjectName }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'address'; readonly address: Address }
  /** A number, a port's name, or undefined: the only one it has. ICMP has none. */
  readonly port: number | string | undefined
  /** HTTP: path and query. */
  readonly path: string
  /** As it was written. */
  readonly text: string
}

const defaultPort: Partial<Record<Protocol, number>> = { http: 80, https: 443, dns: 53 }
/** What a pod may ask a DNS server for: underscores, capitals and a dot at the end too. */
const hostName = /^[a-z0-9_]([-a-z0-9_.]{0,251}[a-z0-9_])?\.?$/i

/** `http://web/`, `http://web.shop:8080/path`, `pod/x:8080`, `shop/x:8080`, `svc/web`, `name:port`, `address:port`, `tcp://`, `udp://`, `sctp://`, `icmp://name`, `dns://name`. */
export function parseTarget(text: string): Target {
  const scheme = /^([a-z]+):\/\//i.exec(text)
  const protocol = (scheme?.[1]?.toLowerCase() ?? 'tcp') as Protocol
  if (!Object.hasOwn(transports, protocol)) {
    const hint = didYouMean(protocol, Object.keys(transports))
    throw usage(
      `"${protocol}://" is not understood: http, https, tcp, udp, sctp, icmp and dns are${hint === '' ? '' : `; ${hint}`}`,
    )
  }
  const short = /^([a-z]+):\/(?!\/)(.*)$/is.exec(text)
  if (short?.[1] !== undefined && Object.hasOwn(transports, short[1].toLowerCase()))
    throw usage(`"${text}": two slashes follow ${short[1]}: write ${short[1].toLowerCase()}://${short[2]}`)
  const rest = text.slice(scheme?.[0].length ?? 0)
  const http = protocol === 'http' || protocol === 'https'
  if (!http) {
    const object = parsePort(rest)
    // `shop/client:8080` is a pod, as it is on the sending side; a name alone is a name for DNS.
    const parsed = object && parseObject(object.host, scheme === null && object.host.includes('/') ? 'pod' : undefined)
    if (object && parsed) {
      if (isOwner(parsed.kind))
        throw usage(`"${text}": a ${parsed.kind} makes pods and has no address; send to pod/NAME or svc/NAME`)
      refusePort(protocol, object.port, text)
      return { protocol, host: { kind: 'object', object: parsed }, port: object.port, path: '/', text }
    }
  }
  const slash = rest.search(/[/?#]/)
  const authority = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '/' : rest.slice(slash).replace(/#.*$/s, '')
  // `tcp://web:80/` is how some write a URL; `web/` alone would be HTTP for most.
  if (!http && slash >= 0 && (scheme === null || path !== '/')) {
    const name = authority.replace(/:\d+$/, '')
    const bare = `, or ${authority === name ? `${name}:PORT` : authority} for a connection alone`
    throw usage(`"${text}": a path belongs to http:// only: write http://${authority}${path}${bare}`)
  }
  // A request line must stay one line (RFC 9112, 3.2).
  if (/[^\x21-\x7e]/.test(path)) throw usage(`"${text}": the path has characters that must be written as %XX`)
  const { host, port } = parsePort(authority) ?? fail(text, authority)
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  const address = parseAddress(bare)
  const isName = address === undefined && hostName.test(host) && !/^[\d.]+$/.test(host) && !host.includes('..')
  if (address === undefined && !isName) fail(text, authority)
  refusePort(protocol, port, text)
  return {
    protocol,
    host: address === undefined ? { kind: 'name', name: host } : { kind: 'address', address },
    port: port ?? defaultPort[protocol],
    path: path.startsWith('/') ? path : `/${path}`,
    text,
  }
}

const transports: Readonly<Record<Protocol, Transport>> = {
  tcp: 'tcp',
  udp: 'udp',
  sctp: 'sctp',
  http: 'tcp',
  https: 'tcp',
  icmp: 'icmp',
  dns: 'udp',
}

export function transportOf(protocol: Protocol): Transport {
  return transports[protocol]
}

/** What a browser would send as Host: without the port that the scheme has anyway. */
export function hostHeader({ host, protocol }: Target, to: { address: Address; port: number }): string {
  const literal = to.address.includes(':') ? `[${to.address}]` : to.address
  const name = host.kind === 'name' ? host.name.replace(/\.$/, '') : literal
  return to.port === defaultPort[protocol] ? name : `${name}:${to.port}`
}

function refusePort(protocol: Protocol, port: number | string | undefined, text: string): void {
  if (protocol === 'icmp' && port !== undefined)
    throw usage(`"${text}": an echo request (ICMP) is for a machine, not for a port: leave :${port} out`)
}

/** Cuts off `:8080` or `:http`; undefined when what follows the colon is no port. */
function parsePort(text: string): { host: string; port: number | string | undefined } | undefined {
  // An IPv6 address without brackets: nothing in it is a port, whatever was meant.
  if (parseAddress(text) !== undefined) return { host: text, port: undefined }
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text)
  if (!match) return undefined
  const [, host = '', port] = match
  if (port === undefined) return { host, port: undefined }
  if (/^\d{1,5}$/.test(port)) {
    const number = Number(port)
    return number >= 1 && number <= 65535 ? { host, port: number } : undefined
  }
  return /^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(port) ? { host, port } : undefined
}

function fail(text: string, authority: string): never {
  const [, host = authority, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(authority) ?? []
  if (host !== '' && port !== undefined && (Number(port) < 1 || Number(port) > 65535))
    throw usage(`"${text}": there is no port ${port}: ports ${Number(port) < 1 ? 'begin at 1' : 'end at 65535'}`)
  if (/^\d[\d.]*\.[\d.]*$/.test(host)) throw usage(`"${text}": ${host} is no IPv4 address`)
  throw usage(
    `"${text}" is nothing to send to: write http://NAME/, pod/NAME:PORT, svc/NAME:PORT, NAMESPACE/svc/NAME:PORT, node/NAME:PORT, NAME:PORT, ADDRESS:PORT, udp://NAME:PORT, sctp://NAME:PORT, icmp://NAME or dns://NAME`,
  )
}
