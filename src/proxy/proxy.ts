import type { Client } from '../api/client/client.ts'
import type { Cidr } from '../base/address.ts'
import { messageOf } from '../base/errors.ts'
import { collectGarbage } from '../base/garbage.ts'
import type { Log } from '../base/log.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import type { Applied } from '../kernel/nftables/socket.ts'
import type { Who } from '../kernel/nftables/watch.ts'
import type { Netns } from '../kernel/netns.ts'
import { Book } from './book.ts'
import { keepTable } from './keeper.ts'
import { families } from './layout/family.ts'
import { holdAlone } from './lock.ts'
import { followObjects } from './objects.ts'
import { followOwnNode, type NodePortAddresses } from './own-node.ts'
import { type Place, startOperations } from './operations.ts'
import { openPace } from './pace.ts'
import { putService, tellPlain } from './put-service.ts'
import { readCounters } from './read-counters.ts'
import { showRules } from './show.ts'
import { openSweeper } from './sweep.ts'
import type { ProxyMetrics, ProxyState } from './metrics/metrics.ts'
import { openReports } from './reports.ts'

export interface ProxyOptions {
  client: Pick<Client, 'follow' | 'event'>
  nodeName: string
  /** The range of all pods of the cluster: sources outside it are masqueraded on their way to a service. */
  podCidr: Cidr
  /** Every service address is in here; what no service has is dropped. */
  serviceCidr: Cidr
  /** Which addresses of the node answer node ports; `primary`, the node's InternalIP, when left out. */
  nodePortAddresses?: NodePortAddresses
  /** Masquerades whoever speaks to a cluster IP, pods too. */
  masqueradeAll?: boolean
  /** Counts connections, packets and bytes of each service. */
  counters?: boolean
  /** Where /healthz and /livez are answered, and where /metrics is; left out: nowhere. */
  healthz?: Place
  metrics?: Place
  /** A folder that only one agent of this node at a time may hold: another one waits. It is made when it is missing. */
  lock?: string
  /** The node's network namespace; the thread's own when left out. */
  ns?: Netns
  log: Log
}

export interface Proxy {
  /** Fulfilled once the kernel holds what the first whole lists say. */
  readonly synced: Promise<void>
  /** What the kernel holds, as of the last transaction that it accepted. Live: read it, do not keep it. */
  ruleset(): Ruleset
  /** What the kernel holds at this moment, in nft's language, with names beside the elements; of one service (`namespace/name`) only, if asked so: undefined when there is none. */
  rules(only?: string): Promise<string | undefined>
  /** Answers a scrape of the metrics. */
  scrape: ProxyMetrics['write']
  /** Stops following. What the kernel holds stays and goes on serving; the next agent takes it over. */
  close(): void
}

/** Elements of a transaction that leaves so much garbage that it is thrown away at once. */
const large = 50_000

/**
 * Teaches the kernel of one node where services are: follows Services and EndpointSlices, and makes one transaction of the
 * changes that came together. Throws when nf_tables cannot be used at all.
 */
export function startProxy(options: ProxyOptions): Proxy {
  const { client, log, serviceCidr } = options
  const { table } = families[serviceCidr.family]
  const reports = openReports(client, log)
  const nodeObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: options.nodeName } }
  const first = Promise.withResolvers<void>()
  let everything = true
  let rebuild = false
  const pace = openPace(commit)
  const alone = Promise.withResolvers<void>()
  const lock =
    options.lock === undefined ? alone.resolve() : holdAlone(options.lock, log, () => alone.resolve(), waiting)

  const keeper = keepTable({ ns: options.ns, table, log, onForeignChange })
  let found = lookFirst()
  const node = followOwnNode({
    client,
    name: options.nodeName,
    podCidr: options.podCidr,
    serviceCidr,
    nodePortAddresses: options.nodePortAddresses ?? 'primary',
    masqueradeAll: options.masqueradeAll ?? false,
    counters: options.counters ?? false,
    ns: options.ns,
    onEligible: (eligible) => health.node(eligible),
    onChange() {
      health.queued()
      operations.healthChecks.listenOn(node.facts().nodePortAddresses)
      everything = true
      // It is in the rules, which a book makes when it begins.
      const own = JSON.stringify(node.facts().ownPodCidr)
      rebuild ||= own !== ownPodCidr
      ownPodCidr = own
      pace.soon()
    },
  })
  let ownPodCidr = JSON.stringify(node.facts().ownPodCidr)
  const operations = startOperations({
    family: serviceCidr.family,
    ns: options.ns,
    healthz: options.healthz,
    metricsAt: options.metrics,
    state,
    readCounters: options.counters ? () => readCounters(keeper.nftables, table, book.ports()) : undefined,
    addresses: node.facts().nodePortAddresses,
    onProblem: (service, say) => {
      const object = objects.service(service)
      reports.say(`health check of ${service}`, object && say !== undefined ? [{ object, say }] : [])
    },
    log,
  })
  const { health, metrics } = operations
  const sweeper = openSweeper({
    ns: options.ns,
    family: serviceCidr.family,
    endpointsOf: (flow) => book.endpointsOf(flow),
    onSwept: (swept) => metrics.conntrack(swept),
    onFailed: () => metrics.cleanupFailed(),
    log,
  })
  let book = new Book(node.facts(), found)
  /** The one that the kernel holds. */
  let good: Book | undefined
  const objects = followObjects(client, changed, (slice, old) => metrics.triggered(slice, old))
  void Promise.all([objects.synced, node.synced, alone.promise]).then(() => pace.open(), first.reject)

  return {
    synced: first.promise,
    ruleset: () => good?.committed() ?? found ?? new Book(node.facts()).wanted,
    async rules(only) {
      if (only !== undefined && !objects.service(only)) return undefined
      return showRules(keeper.nftables, table, { ...objects, holder: (flow) => book.holder(flow) }, only)
    },
    scrape: (request, response) => metrics.write(request, response),
    close() {
      pace.close()
      objects.close()
      node.close()
      sweeper.close()
      operations.close()
      keeper.close()
      lock?.[Symbol.dispose]()
    },
  }

  function state(): ProxyState {
    return {
      services: book.size,
      endpoints: book.wanted.sets.get('endpoints')?.elements.size ?? 0,
      skippedObjects: reports.open,
      noLocalEndpoints: book.noLocalEndpoints(),
    }
  }

  function waiting(): void {
    // What was found is the other agent's work, which goes on.
    rebuild = true
    const say = 'another agent serves the services of this node: this one waits until it ends'
    reports.event(nodeObject, 'AnotherProxy', say)
  }

  function lookFirst(): Ruleset | undefined {
    try {
      return keeper.look()
    } catch (error) {
      keeper.close()
      lock?.[Symbol.dispose]()
      throw error
    }
  }

  function changed(): void {
    metrics.queued(objects.takeChanges())
    health.queued()
    pace.soon()
  }

  function commit(): void {
    const started = performance.now()
    const seconds = (): number => (performance.now() - started) / 1000
    const full = everything || rebuild
    try {
      if (rebuild) {
        book = new Book(node.facts(), keeper.look())
        everything = true
        rebuild = false
      }
      const dirty = objects.takeDirty()
      for (const key of everything ? new Set([...dirty, ...objects.keys()]) : dirty) put(key)
      everything = false
      const applied = keeper.commit(book)
      if ('foreign' in applied) return onForeignChange(applied.foreign)
      tellPlain(desk())
      sweeper.add(book.takeChangedUdp())
      health.committed()
      metrics.synced({ seconds: seconds(), full, transactions: applied.batches, elements: applied.elements })
      if (!good) log.info({ services: book.size }, 'all services are known')
      good = book
      found = undefined
      pace.succeeded()
      if (applied.messages > 0) tell(applied, performance.now() - started)
      if (applied.elements > large) setImmediate(collectGarbage)
      first.resolve()
    } catch (error) {
      health.queued()
      metrics.failed({ seconds: seconds(), full })
      const retryMs = pace.failed()
      log.error({ err: messageOf(error), retryMs }, 'the kernel refused the services; what it held before stays')
      reports.event(nodeObject, 'ServicesRefused', `${messageOf(error)}; what the kernel held before stays in force`)
    }
  }

  function put(key: string): void {
    const check = putService(key, desk())
    operations.healthChecks.set(key, check?.port, check?.localEndpoints ?? 0)
  }

  function desk(): Parameters<typeof tellPlain>[0] {
    return { book, objects, node: node.facts(), reports }
  }

  function tell({ messages, bytes, batches }: Applied, ms: number): void {
    log.info(
      { messages, bytes, ms: Math.round(ms * 100) / 100, ...(batches > 1 ? { batches } : {}) },
      'services in the kernel',
    )
  }

  /** Our table is not as we left it: a new book is made of what is there, and what differs is put right. */
  function onForeignChange({ process, pid }: Who): void {
    health.queued()
    metrics.foreignChange()
    rebuild = true
    const repairMs = pace.disturbed()
    log.warn(
      { ...(process === undefined ? {} : { process, pid }), repairMs },
      `table ${table.name} was changed by somebody else: putting it right`,
    )
  }
}
