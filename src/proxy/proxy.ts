import type { Client } from '../api/client/client.ts'
import type { Cidr } from '../base/address.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { type Applied, type Nftables, openNftables } from '../kernel/nftables/socket.ts'
import type { Netns } from '../kernel/netns.ts'
import { Book } from './book.ts'
import { families } from './layout/family.ts'
import { readFlow } from './layout/keys.ts'
import { followObjects } from './objects.ts'
import { followOwnNode, type NodePortAddresses } from './own-node.ts'
import { type Portioned, portionOf, type Problem } from './portion.ts'
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
  /** The node's network namespace; the thread's own when left out. */
  ns?: Netns
  log: Log
}

export interface Proxy {
  /** Fulfilled once the kernel holds what the first whole lists say. */
  readonly synced: Promise<void>
  /** What the kernel holds, as of the last transaction that it accepted. Live: read it, do not keep it. */
  ruleset(): Ruleset
  /** Stops following. What the kernel holds stays and goes on serving; the next agent takes it over. */
  close(): void
}

/** After a refusal: the first wait, doubled up to the last one. Milliseconds. */
const firstRetry = 100
const lastRetry = 30_000
/** How often the kernel's ruleset is compared with what it should be, when somebody has changed anything in nf_tables. */
const checkEvery = 60_000

/**
 * Teaches the kernel of one node where services are: follows Services and EndpointSlices, and makes one transaction of the
 * changes that came together. Throws when nf_tables cannot be used at all.
 */
export function startProxy(options: ProxyOptions): Proxy {
  const { client, log } = options
  const { table } = families[options.serviceCidr.family]
  const nftables = openNftables(options.ns)
  let { generation, found } = firstLook(nftables)
  const reports = openReports(client, log)
  const first = Promise.withResolvers<void>()
  // Until the first transaction, and after a refused one, memory does not say what the kernel holds: the kernel is asked.
  let certain = false
  let committed = false
  let listed = false
  let closed = false
  let everything = true
  let due: NodeJS.Immediate | undefined
  let retry: NodeJS.Timeout | undefined
  let wait = firstRetry

  const node = followOwnNode({
    client,
    name: options.nodeName,
    podCidr: options.podCidr,
    serviceCidr: options.serviceCidr,
    nodePortAddresses: options.nodePortAddresses ?? 'primary',
    masqueradeAll: options.masqueradeAll ?? false,
    ns: options.ns,
    onChange() {
      everything = true
      soon()
    },
  })
  const book = new Book(node.facts(), found)
  const objects = followObjects(client, soon)
  void Promise.all([objects.synced, node.synced]).then(() => {
    listed = true
    soon()
  }, first.reject)
  const check = setInterval(verify, checkEvery).unref()

  return {
    synced: first.promise,
    ruleset: () => (committed ? book.committed() : (found ?? new Book(node.facts()).wanted)),
    close() {
      closed = true
      objects.close()
      node.close()
      clearImmediate(due)
      clearTimeout(retry)
      clearInterval(check)
      nftables.close()
    },
  }

  /** Everything that arrives in this turn of the event loop goes into one transaction. */
  function soon(): void {
    if (!listed || closed || due || retry) return
    due = setImmediate(() => {
      due = undefined
      commit()
    })
  }

  function commit(): void {
    const dirty = objects.takeDirty()
    for (const key of everything ? new Set([...dirty, ...objects.keys()]) : dirty) put(key)
    everything = false
    try {
      const started = performance.now()
      const transaction = certain ? book.changes() : book.repair(readAgain())
      certain = false
      const applied = nftables.apply(transaction)
      book.commit()
      found = undefined
      certain = committed = true
      wait = firstRetry
      generation = nftables.generation().id
      if (applied.messages > 0) tell(applied, performance.now() - started)
      first.resolve()
    } catch (error) {
      log.error({ err: messageOf(error), retryMs: wait }, 'the kernel refused the services; what it held before stays')
      retry = setTimeout(() => {
        retry = undefined
        soon()
      }, wait)
      wait = Math.min(wait * 2, lastRetry)
    }
  }

  /** What an earlier agent left needs no second look when nobody has changed anything since the first. */
  function readAgain(): Ruleset | undefined {
    const untouched = !committed && nftables.generation().id === generation
    return untouched ? found : nftables.read(table)
  }

  function put(key: string): void {
    const service = objects.service(key)
    const { portion, problems }: Portioned = service
      ? portionOf(service, objects.slicesOf(key), node.facts())
      : { portion: undefined, problems: [] }
    const rivals = book.put(key, portion, service?.metadata.creationTimestamp)
    reports.say(key, problems)
    for (const each of [key, ...rivals]) reports.say(`addresses of ${each}`, lostBy(each))
  }

  function lostBy(key: string): Problem[] {
    const object = objects.service(key)
    if (!object) return []
    return book.lost(key).map(({ flow, kind, holder }) => {
      const { address, protocol, port } = readFlow(flow, options.serviceCidr.family)
      return {
        object,
        say: `${kind} ${address} ${protocol} ${port} belongs to service ${holder}: this one is not served there`,
      }
    })
  }

  function tell({ messages, bytes, batches }: Applied, ms: number): void {
    log.info(
      { messages, bytes, ms: Math.round(ms * 100) / 100, ...(batches > 1 ? { batches } : {}) },
      'services in the kernel',
    )
  }

  /** Somebody may have changed or deleted our table: then it is put right. */
  function verify(): void {
    if (!certain) return
    try {
      const now = nftables.generation().id
      if (now === generation) return
      generation = now
      const { ops } = book.repair(nftables.read(table))
      if (ops.length === 0) return
      log.warn({ changes: ops.length }, `table ${table.name} was changed by somebody else: putting it right`)
    } catch (error) {
      log.error({ err: messageOf(error) }, 'cannot compare the services in the kernel')
    }
    certain = false
    soon()
  }
}

/** What is there already. In this order, so that a change in between is noticed. */
function firstLook(nftables: Nftables): { generation: number; found: Ruleset | undefined } {
  const { table } = families[4]
  try {
    return { generation: nftables.generation().id, found: nftables.read(table) }
  } catch (error) {
    nftables.close()
    throw error
  }
}
