import type { Client } from '../api/client/client.ts'
import type { ObjectReference } from '../api/objects/meta.ts'
import { codeOf, KubehopError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Family } from '../base/metrics/family.ts'
import { processFamilies } from '../base/metrics/process.ts'
import { assemble } from './assemble.ts'
import type { DnsConfig } from './config/config.ts'
import { followsPods, withoutRestart } from './config/restart.ts'
import { Contact } from './contact.ts'
import { type Following, followCluster } from './follow.ts'
import { countedFamilies } from './server/families.ts'
import { forwardFamilies } from './server/forward-families.ts'
import { InFlight } from './server/in-flight.ts'
import { Metrics } from './server/metrics.ts'
import { openOperations, operationPages } from './server/operations.ts'
import { overflowFamily } from './server/overflow.ts'
import { type Pair, type Sockets, servePair } from './server/pair.ts'
import { QueryLog } from './server/query-log.ts'
import type { Responder } from './server/responder.ts'
import { checkSelf } from './server/self-check.ts'
import { serveWith } from './server/serve.ts'
import { stateFamilies } from './server/state.ts'
import { Connections } from './server/connections.ts'
import { nameToWire } from './wire/name.ts'
import { Zone, type ZoneOptions } from './zone/zone.ts'

export interface DnsOptions {
  readonly client: Client
  readonly config: DnsConfig
  readonly log: Log
  /** Served besides `config.listen`. */
  readonly sockets?: readonly Sockets[]
  /** Seconds since 1970, for serial numbers. */
  readonly now?: () => number
  /** Seconds without the API server that are told in an event. */
  readonly patience?: number
  /** Nothing is bound before everything is known: others answer there meanwhile. */
  readonly joins?: boolean
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
  /** Counts a configuration that was wrong, and never came to {@link reconfigure}. */
  refused(): void
  /** What /metrics tells, as numbers that can be added to those of others, and the rest. */
  counted(): { cells: Float64Array; families: () => Family[] }
  /** From now on /ready says 503, while questions are still answered. */
  retire(): void
  close(): Promise<void>
}

/** The cluster's DNS server. Rejects with a KubehopError when an address cannot be had; nothing is left open then. */
export async function startDns({
  client,
  config,
  log,
  sockets = [],
  now = unixSeconds,
  patience,
  joins = false,
}: DnsOptions): Promise<Dns> {
  if (!nameToWire(`hostmaster.${config.zone}`))
    throw new KubehopError('dns', 'zone', 'Invalid', `"${config.zone}" is not a domain name, such as cluster.local`)
  const zone = new Zone({ ...zoneOptions(config), zone: config.zone, now })
  const metrics = new Metrics()
  let whole = false
  let retired = false
  const synced = (): boolean => whole
  let current = assemble({ config, zone, synced, log })
  const inFlight = new InFlight()
  const queryLog = new QueryLog(config.queryLog, log)
  const react: Responder['react'] = (bytes, asker, told) => current.responder.react(bytes, asker, told)
  const serve = serveWith({ react }, metrics, log, { queryLog, inFlight })
  const connections = new Connections(config.limits)

  let following: Following | undefined
  const contact = new Contact({
    client,
    log,
    about: () => inFront(current.config, following),
    ...(patience !== undefined && { patience }),
  })

  const ports: Dns['ports'] = { dns: [] }
  const pairs: Pair[] = []
  const closing: { close(): Promise<void> | void }[] = []
  const close = async (): Promise<void> => {
    retired = true
    // First the answers that are under way, by upstreams too.
    await Promise.all(pairs.splice(0).map(async (one) => one.close(inFlight)))
    await Promise.all(closing.splice(0).map(async (one) => one.close()))
  }
  closing.push({ close: () => current.hosts?.close() })
  const families = (): Family[] => [
    ...stateFamilies(() => ({ ...current, inFlight, connections, port: port() })),
    ...forwardFamilies(current.forwarding, port()),
    ...contact.families(),
    overflowFamily(),
    ...processFamilies(),
  ]
  const port = (): number => ports.dns[0] ?? 0
  try {
    following = followCluster(client, zone, { contact, metrics, pods: followsPods(config) })
    closing.push(following, contact)
    const known = following.synced.then(() => {
      whole = true
    })
    if (joins) await known
    for (const at of [...config.listen, ...sockets]) {
      const pair = await servePair(at, { serve, log, connections, reusePort: config.workers > 1 })
      pairs.push(pair)
      ports.dns.push(pair.port)
    }
    const pages = operationPages({
      missing: () => [
        ...(whole ? [] : [`kubernetes (${following?.waiting().join(', ')})`]),
        ...(retired ? ['lameduck'] : []),
      ],
      families: () => [...countedFamilies(() => metrics.cells, port()), ...families()],
    })
    const operations = await openOperations(config, pages)
    closing.push(operations)
    Object.assign(ports, operations.ports)
    if (config.health && config.metrics) closing.push(checkSelf({ ...config.health, port: ports.health ?? 0 }, metrics))

    closing.push({ close: () => current.forwarding.close() })
    current.forwarding.start()
    return {
      synced: known,
      ports,
      get config() {
        return current.config
      },
      async reconfigure(next) {
        const { config, restart } = withoutRestart(current.config, next)
        const before = current
        current = assemble({ config, zone, synced, log, before })
        // After all that may fail: ready answers go with the old options.
        zone.configure(zoneOptions(config))
        if (current.forwarding !== before.forwarding) {
          before.forwarding.close()
          current.forwarding.start()
        }
        if (current.hosts !== before.hosts) before.hosts?.close()
        queryLog.mode = config.queryLog
        connections.limits = config.limits
        return restart
      },
      refused: () => metrics.reloadFailed(),
      counted: () => ({ cells: metrics.cells, families }),
      retire: () => void (retired = true),
      close,
    }
  } catch (error) {
    await close()
    throw error instanceof KubehopError
      ? error
      : new KubehopError('dns', 'listen', codeOf(error) ?? 'Failed', messageOf(error), { cause: error })
  }
}

function zoneOptions({ ttl, pods, reverse, self }: DnsConfig): Omit<ZoneOptions, 'zone' | 'now'> {
  return { ttl, pods, reverse, self }
}

/** The service that clients ask: events about the server are told there. */
function inFront({ self }: DnsConfig, following: Following | undefined): ObjectReference {
  const [name = '', namespace = ''] = self.split('.')
  const uid = following?.service(`${namespace}/${name}`)?.metadata.uid
  return { apiVersion: 'v1', kind: 'Service', namespace, name, ...(uid !== undefined && { uid }) }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
