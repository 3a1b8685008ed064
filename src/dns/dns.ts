import type { Client } from '../api/client/client.ts'
import { type Address, type Cidr } from '../base/address.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { followCluster } from './follow.ts'
import { Forwarder } from './forward/forward.ts'
import type { Upstream } from './forward/upstream.ts'
import { Metrics } from './server/metrics.ts'
import { serveOperations } from './server/operations.ts'
import { handlerList } from './handlers/list.ts'
import { Responder } from './server/responder.ts'
import { serveWith } from './server/serve.ts'
import { serveTcp } from './server/tcp.ts'
import { serveUdp } from './server/udp.ts'
import { nameToWire } from './wire/name.ts'
import { Zone, type ZoneOptions } from './zone/zone.ts'

type Listen = { address: string; port: number } | { udpFd: number; tcpFd: number }

export interface DnsOptions {
  client: Client
  /** `cluster.local` */
  zone: string
  /** UDP and TCP on each, on one port; port 0 takes any. Bound sockets may be given instead. */
  listen: readonly Listen[]
  /** Name servers for all other names, asked in this order. None: those names are refused. */
  upstream?: readonly (Address | Upstream)[]
  /** Seconds; 30 when left out. */
  ttl?: number
  log: Log
  pods?: ZoneOptions['pods']
  /** Pod and service ranges: reverse names in them are never asked upstream. */
  reverse?: readonly Cidr[]
  /** The service in front of this server, `NAME.NAMESPACE`. */
  self?: string
  /** Ports of /health, /ready and /metrics; left out: not served. */
  health?: number
  ready?: number
  metrics?: number
  operationsAddress?: string
}

export interface Dns {
  /** Fulfilled when the whole cluster is known; until then its names get SERVFAIL and /ready says 503. */
  readonly synced: Promise<void>
  readonly ports: { dns: number[]; health?: number; ready?: number; metrics?: number }
  /** From now on /ready says 503, while questions are still answered. */
  retire(): void
  close(): Promise<void>
}

/** The cluster's DNS server. Rejects with a KubehopError when an address cannot be had; nothing is left open then. */
export async function startDns(options: DnsOptions): Promise<Dns> {
  const { client, log } = options
  const zone = makeZone(options)
  const forward = makeForwarder(options)
  const metrics = new Metrics()
  let whole = false
  let retired = false
  const responder = new Responder({ ...handlerList({ zone, forward, synced: () => whole }), log })
  const serve = serveWith(responder, metrics, log)

  const closing: { close(): Promise<void> | void }[] = []
  const close = async (): Promise<void> => {
    retired = true
    await Promise.all(closing.splice(0).map(async (one) => one.close()))
  }
  try {
    const ports: Dns['ports'] = { dns: [] }
    for (const at of options.listen) {
      const pair = await bindPair(at, serve, log)
      closing.push(pair)
      ports.dns.push(pair.port)
    }
    const wanted = (['health', 'ready', 'metrics'] as const).filter((name) => options[name] !== undefined)
    const pages = {
      health: () => ({ status: 200, body: 'OK' }),
      ready: () => (whole && !retired ? { status: 200, body: 'OK' } : { status: 503, body: 'kubernetes' }),
      metrics: () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: metrics.text(ports.dns[0] ?? 0, gauges(forward)),
      }),
    }
    const address = options.operationsAddress ?? '0.0.0.0'
    const operations = await serveOperations(
      wanted.map((name) => ({ port: options[name] ?? 0, address, path: `/${name}`, make: pages[name] })),
    )
    closing.push(operations)
    for (const [at, name] of wanted.entries()) ports[name] = operations.ports[at] ?? 0

    const following = followCluster(client, zone)
    closing.push(following)
    const synced = following.synced.then(() => {
      whole = true
    })
    return { synced, ports, retire: () => void (retired = true), close }
  } catch (error) {
    await close()
    throw error instanceof KubehopError
      ? error
      : new KubehopError('dns', 'listen', codeOf(error), messageOf(error), { cause: error })
  }
}

function makeZone({
  zone,
  ttl = 30,
  pods = 'insecure',
  reverse = [],
  self = 'kube-dns.kube-system',
}: DnsOptions): Zone {
  const name = zone.replace(/\.$/, '').toLowerCase()
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(name) || !nameToWire(`hostmaster.${name}`))
    throw new KubehopError('dns', 'zone', 'Invalid', `"${zone}" is not a domain name, such as cluster.local`)
  return new Zone({ zone: name, ttl, pods, reverse, self, now: () => Math.floor(Date.now() / 1000) })
}

function makeForwarder({ upstream = [], log }: DnsOptions): Forwarder | undefined {
  if (upstream.length === 0) return undefined
  return new Forwarder({
    upstream: upstream.map((one) => (typeof one === 'string' ? { address: one, port: 53 } : one)),
    log,
  })
}

/** With port 0 the number that UDP got may be taken for TCP: then another one is tried. */
async function bindPair(
  at: Listen,
  serve: ReturnType<typeof serveWith>,
  log: Log,
): Promise<{ port: number; close(): Promise<void> }> {
  for (let attempt = 1; ; attempt++) {
    const udp = await serveUdp('udpFd' in at ? { fd: at.udpFd } : at, serve, log)
    try {
      const tcp = await serveTcp('tcpFd' in at ? { fd: at.tcpFd } : { ...at, port: udp.port }, serve, log)
      return { port: udp.port, close: async () => void (await Promise.all([udp.close(), tcp.close()])) }
    } catch (error) {
      await udp.close()
      const another = 'port' in at && at.port === 0 && attempt < 10
      if (!another || codeOf(error) !== 'EADDRINUSE') throw error
    }
  }
}

function gauges(forward: Forwarder | undefined): Record<string, number> {
  const memory = { process_resident_memory_bytes: process.memoryUsage.rss() }
  if (!forward) return memory
  return {
    ...memory,
    coredns_cache_hits_total: forward.counts.hits,
    coredns_cache_misses_total: forward.counts.misses,
    coredns_cache_entries: forward.cached,
    kubehop_dns_forward_requests_total: forward.counts.requests,
    kubehop_dns_forward_failures_total: forward.counts.failures,
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'Failed'
}
