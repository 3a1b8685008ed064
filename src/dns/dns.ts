import type { Client } from '../api/client/client.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { assemble } from './assemble.ts'
import type { DnsConfig, Place } from './config/config.ts'
import { withoutRestart } from './config/restart.ts'
import { followCluster } from './follow.ts'
import type { Forwarder } from './forward/forward.ts'
import { Metrics } from './server/metrics.ts'
import { serveOperations } from './server/operations.ts'
import { serveWith } from './server/serve.ts'
import { serveTcp } from './server/tcp.ts'
import { serveUdp } from './server/udp.ts'
import { nameToWire } from './wire/name.ts'
import { Zone, type ZoneOptions } from './zone/zone.ts'

/** A UDP and a TCP socket on one port, bound already. */
export interface Sockets {
  readonly udpFd: number
  readonly tcpFd: number
}

export interface DnsOptions {
  readonly client: Client
  readonly config: DnsConfig
  readonly log: Log
  /** Served besides `config.listen`. */
  readonly sockets?: readonly Sockets[]
  /** Seconds since 1970, for serial numbers. */
  readonly now?: () => number
}

export interface Dns {
  /** Fulfilled when the whole cluster is known; until then its names get SERVFAIL and /ready says 503. */
  readonly synced: Promise<void>
  readonly ports: { dns: number[]; health?: number; ready?: number; metrics?: number }
  /** What is in force. */
  readonly config: DnsConfig
  /**
   * Puts another configuration into force, all of it but what is settled at the start: the names of those options that differ are told. Questions under
   * way are answered by what they began with. Rejects, and changes nothing, when the new one cannot be had.
   */
  reconfigure(config: DnsConfig): Promise<string[]>
  /** From now on /ready says 503, while questions are still answered. */
  retire(): void
  close(): Promise<void>
}

/** The cluster's DNS server. Rejects with a KubehopError when an address cannot be had; nothing is left open then. */
export async function startDns({ client, config, log, sockets = [], now = unixSeconds }: DnsOptions): Promise<Dns> {
  if (!nameToWire(`hostmaster.${config.zone}`))
    throw new KubehopError('dns', 'zone', 'Invalid', `"${config.zone}" is not a domain name, such as cluster.local`)
  const zone = new Zone({ ...zoneOptions(config), zone: config.zone, now })
  const metrics = new Metrics()
  let whole = false
  let retired = false
  const synced = (): boolean => whole
  let current = assemble({ config, zone, synced, log })
  const serve = serveWith({ react: (bytes, asker) => current.responder.react(bytes, asker) }, metrics, log)

  const closing: { close(): Promise<void> | void }[] = []
  const close = async (): Promise<void> => {
    retired = true
    await Promise.all(closing.splice(0).map(async (one) => one.close()))
  }
  try {
    const ports: Dns['ports'] = { dns: [] }
    for (const at of [...config.listen, ...sockets]) {
      const pair = await bindPair(at, serve, log)
      closing.push(pair)
      ports.dns.push(pair.port)
    }
    const wanted = (['health', 'ready', 'metrics'] as const).flatMap((name) => {
      const at = config[name]
      return at ? [{ name, ...at }] : []
    })
    const pages = {
      health: () => ({ status: 200, body: 'OK' }),
      ready: () => (whole && !retired ? { status: 200, body: 'OK' } : { status: 503, body: 'kubernetes' }),
      metrics: () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: metrics.text(ports.dns[0] ?? 0, gauges(current.forward)),
      }),
    }
    const operations = await serveOperations(
      wanted.map(({ name, address, port }) => ({ port, address, path: `/${name}`, make: pages[name] })),
    )
    closing.push(operations)
    for (const [at, { name }] of wanted.entries()) ports[name] = operations.ports[at] ?? 0

    const following = followCluster(client, zone)
    closing.push(following)
    return {
      synced: following.synced.then(() => {
        whole = true
      }),
      ports,
      get config() {
        return current.config
      },
      async reconfigure(next) {
        const { config, restart } = withoutRestart(current.config, next)
        // Ready answers go with the old handlers, which the zone tells nothing from now on.
        zone.configure(zoneOptions(config))
        current = assemble({ config, zone, synced, log, before: current })
        return restart
      },
      retire: () => void (retired = true),
      close,
    }
  } catch (error) {
    await close()
    throw error instanceof KubehopError
      ? error
      : new KubehopError('dns', 'listen', codeOf(error), messageOf(error), { cause: error })
  }
}

function zoneOptions({ ttl, pods, reverse, self }: DnsConfig): Omit<ZoneOptions, 'zone' | 'now'> {
  return { ttl, pods, reverse, self }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** With port 0 the number that UDP got may be taken for TCP: then another one is tried. */
async function bindPair(
  at: Place | Sockets,
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
