import type { Change, Client, Follower } from '../api/client/client.ts'
import { keyOf } from '../api/client/client.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import type { Cidr } from '../base/address.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { type Applied, type Nftables, openNftables } from '../kernel/nftables/socket.ts'
import type { Netns } from '../kernel/netns.ts'
import { Book } from './book.ts'
import { table } from './layout.ts'
import { serviceKeyOf } from './model.ts'
import { type NodeFacts, portionOf, type Problem } from './portion.ts'

export interface ProxyOptions {
  client: Pick<Client, 'follow' | 'event'>
  nodeName: string
  /** The range of all pods of the cluster: sources outside it are masqueraded on their way to a service. */
  podCidr: Cidr
  /** Every service address is in here; what no service has is dropped. */
  serviceCidr: Cidr
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
  const node: NodeFacts = { name: options.nodeName, podCidr: options.podCidr, serviceCidr: options.serviceCidr }
  const nftables = openNftables(options.ns)
  let { generation, found } = firstLook(nftables)
  const book = new Book(node, found)
  const slices = new Map<string, Map<string, EndpointSlice>>()
  const dirty = new Set<string>()
  const told = new Map<string, string>()
  const first = Promise.withResolvers<void>()
  // Until the first transaction, and after a refused one, memory does not say what the kernel holds: the kernel is asked.
  let certain = false
  let committed = false
  let listed = false
  let closed = false
  let due: NodeJS.Immediate | undefined
  let retry: NodeJS.Timeout | undefined
  let wait = firstRetry

  const services: Follower<Service> = client.follow('Service', {
    onChange: ({ object }) => dirty.add(keyOf(object)),
    onBatch: soon,
  })
  const followedSlices = client.follow('EndpointSlice', { onChange: sliceChanged, onBatch: soon })
  void Promise.all([services.synced, followedSlices.synced]).then(() => {
    listed = true
    soon()
  }, first.reject)
  const check = setInterval(verify, checkEvery).unref()

  return {
    synced: first.promise,
    ruleset: () => (committed ? book.committed() : (found ?? new Book(node).wanted)),
    close() {
      closed = true
      services.close()
      followedSlices.close()
      clearImmediate(due)
      clearTimeout(retry)
      clearInterval(check)
      nftables.close()
    },
  }

  function sliceChanged(change: Change<EndpointSlice>): void {
    const key = keyOf(change.object)
    if (change.type === 'modified') forget(change.old, key)
    if (change.type === 'deleted') forget(change.object, key)
    else {
      const service = serviceKeyOf(change.object)
      if (service === undefined) return
      const of = slices.get(service)
      if (of) of.set(key, change.object)
      else slices.set(service, new Map([[key, change.object]]))
      dirty.add(service)
    }
  }

  function forget(slice: EndpointSlice, key: string): void {
    const service = serviceKeyOf(slice)
    if (service === undefined) return
    const of = slices.get(service)
    of?.delete(key)
    if (of?.size === 0) slices.delete(service)
    dirty.add(service)
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
    for (const key of dirty) put(key)
    dirty.clear()
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
    const service = services.get(key)
    const { portion, problems } = service
      ? portionOf(service, [...(slices.get(key)?.values() ?? [])], node)
      : { portion: undefined, problems: [] as Problem[] }
    const losers = book.put(key, portion, service?.metadata.creationTimestamp)
    report(key, problems)
    if (!losers.includes(key)) told.delete(stolen(key))
    for (const loser of losers) {
      const object = services.get(loser)
      const say = `clusterIP ${object?.spec.clusterIP} belongs to an older service: this one is not served`
      if (object) report(stolen(loser), [{ object, say }])
    }
  }

  /** Says each problem of something once, until something about it changes. */
  function report(key: string, problems: readonly Problem[]): void {
    const say = problems.map((problem) => problem.say).join('\n')
    if (say === (told.get(key) ?? '')) return
    if (say === '') told.delete(key)
    else told.set(key, say)
    for (const { object, say } of problems) {
      const { apiVersion, kind, metadata } = object
      log.warn({ object: `${kind} ${keyOf(object)}` }, say)
      const { namespace, name, uid } = metadata
      client.event(
        {
          apiVersion,
          kind,
          name,
          ...(namespace === undefined ? {} : { namespace }),
          ...(uid === undefined ? {} : { uid }),
        },
        'Warning',
        'NotServed',
        say,
      )
    }
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

/** Under what it is remembered that a service was told of another that has its address. */
function stolen(service: string): string {
  return `address of ${service}`
}

/** What is there already. In this order, so that a change in between is noticed. */
function firstLook(nftables: Nftables): { generation: number; found: Ruleset | undefined } {
  try {
    return { generation: nftables.generation().id, found: nftables.read(table) }
  } catch (error) {
    nftables.close()
    throw error
  }
}
