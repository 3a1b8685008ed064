import { readFileSync } from 'node:fs'
import { type Address, type Cidr, parseAddress, parseCidr } from '../base/address.ts'
import { type DnsConfig, forwardDefaults, type UpstreamConfig } from '../dns/config/config.ts'
import { readDomain } from '../dns/config/kinds.ts'
import { readUpstream, upstreamsIn } from '../dns/config/upstreams.ts'
import { UsageError } from './usage.ts'

export interface DnsFlags {
  readonly zone?: string
  readonly port?: string
  readonly listen?: readonly string[]
  readonly 'node-address'?: string
  readonly upstream?: readonly string[]
  readonly reverse?: readonly string[]
  readonly ttl?: string
}

/** What the flags of `kubehop dns` change in a configuration; a flag that is not given changes nothing. Throws a UsageError at once. */
export function overrideBy(flags: DnsFlags): (config: DnsConfig) => DnsConfig {
  const port = flags.port === undefined ? undefined : numberOf('port', flags.port, 0xffff)
  const own = nodeAddressOf(flags)
  const listen = own ? [own] : flags.listen?.map((text) => addressOf('listen', text))
  const to = flags.upstream?.flatMap(upstreamsOf)
  const fixed: Partial<DnsConfig> = {
    ...(flags.zone === undefined ? {} : { zone: zoneOf(flags.zone) }),
    ...(flags.reverse === undefined ? {} : { reverse: flags.reverse.map(rangeOf) }),
    ...(flags.ttl === undefined ? {} : { ttl: numberOf('ttl', flags.ttl, 3600) }),
  }
  return (config) => ({
    ...config,
    ...fixed,
    listen:
      listen?.map((address) => ({ address, port: port ?? config.listen[0]?.port ?? 53 })) ??
      config.listen.map((at) => ({ address: at.address, port: port ?? at.port })),
    ...(to === undefined ? {} : { forward: { ...forwardDefaults, ...config.forward, to } }),
    ...(own ? operationsAt(own, config) : {}),
  })
}

/** The address that a node's own resolver brings along; it leaves all other addresses of the node to others. */
export function nodeAddressOf(flags: DnsFlags): Address | undefined {
  const text = flags['node-address']
  return text === undefined ? undefined : addressOf('node-address', text)
}

function operationsAt(address: Address, config: DnsConfig): Pick<DnsConfig, 'health' | 'ready' | 'metrics'> {
  const names = ['health', 'ready', 'metrics'] as const
  return Object.fromEntries(names.flatMap((name) => (config[name] ? [[name, { ...config[name], address }]] : [])))
}

function zoneOf(text: string): string {
  const zone = readDomain(text)
  if (zone === undefined) throw new UsageError(`--zone "${text}" is not a domain name, such as cluster.local`)
  return zone
}

/** One name server, or those of a resolv.conf. */
function upstreamsOf(text: string): readonly UpstreamConfig[] {
  if (text.startsWith('/'))
    return upstreamsIn(text, { read: (path) => readFileSync(path, 'utf8') }, (say) => {
      throw new UsageError(`--upstream: ${say}`)
    })
  const upstream = readUpstream(text)
  if (!upstream)
    throw new UsageError(`--upstream "${text}" is not an IP address, such as 9.9.9.9, 9.9.9.9:5353 or [2620:fe::fe]:53`)
  return [upstream]
}

function rangeOf(text: string): Cidr {
  const range = parseCidr(text)
  if (!range) throw new UsageError(`--reverse "${text}" is not an address range, such as 100.96.0.0/11`)
  return range
}

function addressOf(option: string, text: string): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new UsageError(`--${option} "${text}" is not an IP address`)
  return address
}

function numberOf(option: string, text: string, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > most) throw new UsageError(`--${option} "${text}" is not a number up to ${most}`)
  return value
}
