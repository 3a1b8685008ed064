import { hostPort } from '../../base/address.ts'
import { type Ip, readIp } from '../packet/ip.ts'
import { ABORT, INIT, INIT_ACK } from '../packet/sctp.ts'
import type { LiveSpec } from './spec.ts'

// Many connections in one watch: whose a packet is. TCP, SCTP and echoes carry a number that no translation changes; datagrams are told apart by their
// ends, and, where a masquerade changes those, by how they begin.

export interface Whose {
  /** The same for all packets of one connection, before and after translation. */
  readonly key: string
  readonly is: 'request' | 'answer' | 'error'
  /** By which a part of many is chosen: filter.ts reads the same in the packet. */
  readonly number: number
}

/** Whose a packet is; undefined for one that tells nothing of a connection's beginning. */
export type Identify = (ip: Ip) => Whose | undefined

/** How packets of this watch are told apart. Remembers the ends that datagrams were translated to; so packets have to come in order. */
export function identities(spec: Pick<LiveSpec, 'protocol' | 'from' | 'asked' | 'behind'>): Identify {
  return spec.protocol === 'udp' ? datagrams(spec) : byNumber
}

function byNumber(ip: Ip): Whose | undefined {
  const { transport } = ip
  if (transport?.kind === 'tcp') {
    if (transport.syn && !transport.ack) return of('request', transport.sequence)
    return transport.ack && (transport.syn || transport.rst)
      ? of('answer', (transport.acknowledgement - 1) >>> 0)
      : undefined
  }
  if (transport?.kind === 'sctp') {
    if (transport.chunk === INIT && transport.initiateTag !== undefined) return of('request', transport.initiateTag)
    return transport.chunk === INIT_ACK || transport.chunk === ABORT
      ? of('answer', transport.verificationTag)
      : undefined
  }
  if (transport?.kind !== 'icmp') return undefined
  if (transport.payload !== undefined) {
    const key = `${transport.sequence} ${Buffer.from(transport.payload.subarray(0, 16)).toString('hex')}`
    const request = transport.type === 8 || transport.type === 128
    return { key, is: request ? 'request' : 'answer', number: transport.sequence }
  }
  const about = quotedIn(ip)
  const whose = about && byNumber(about)
  return whose?.is === 'request' ? { ...whose, is: 'error' } : numberQuoted(about)
}

/** The flags are behind the eight bytes that a router must quote; the number is not. */
function numberQuoted(about: Ip | undefined): Whose | undefined {
  const quoted = about?.transport
  if (quoted?.kind === 'tcp') return of('error', quoted.sequence)
  return undefined
}

function of(is: Whose['is'], number: number): Whose {
  return { key: String(number), is, number }
}

function quotedIn({ transport }: Ip): Ip | undefined {
  return transport?.kind === 'icmp' && transport.quote ? readIp(transport.quote, true) : undefined
}

function datagrams({ from, asked, behind }: Pick<LiveSpec, 'from' | 'asked' | 'behind'>): Identify {
  const [client] = from
  const masks = new Set<string>(from.slice(1))
  const servers = new Map<string, string>()
  for (const { address, port } of asked)
    servers.set(hostPort(address, port), asked.length === 1 ? '' : hostPort(address, port))
  for (const { address, port } of behind)
    if (!servers.has(hostPort(address, port))) servers.set(hostPort(address, port), '')
  /** Which connection a masqueraded client's ends mean, and which one's datagram began so last. */
  const masked = new Map<string, Whose>()
  const beginnings = new Map<string, Whose>()

  const identify = (ip: Ip): Whose | undefined => {
    const { transport, source, destination } = ip
    if (transport?.kind === 'icmp') {
      const about = quotedIn(ip)
      const whose = about?.transport?.kind === 'udp' ? identify(about) : undefined
      return whose?.is === 'request' ? { ...whose, is: 'error' } : undefined
    }
    if (transport?.kind !== 'udp') return undefined
    const [src, dst] = [hostPort(source, transport.sourcePort), hostPort(destination, transport.destinationPort)]
    const to = servers.get(dst)
    if (to !== undefined && source === client) {
      const whose = { key: `${transport.sourcePort} ${to}`, is: 'request', number: transport.sourcePort } as const
      remember(beginnings, start(transport.payload), whose)
      return whose
    }
    if (to !== undefined && masks.has(source)) {
      const whose = masked.get(`${src} ${dst}`) ?? beginnings.get(start(transport.payload))
      if (whose) remember(masked, `${src} ${dst}`, whose)
      return whose
    }
    const by = servers.get(src)
    if (by === undefined) return undefined
    if (destination === client)
      return { key: `${transport.destinationPort} ${by}`, is: 'answer', number: transport.destinationPort }
    const whose = masked.get(`${dst} ${src}`)
    return whose && { ...whose, is: 'answer' }
  }
  return identify
}

const mostRemembered = 10_000

function remember<T>(known: Map<string, T>, key: string, value: T): void {
  if (known.size >= mostRemembered) known.clear()
  known.set(key, value)
}

function start(payload: Uint8Array): string {
  return Buffer.from(payload.subarray(0, 32)).toString('latin1')
}
