import type { Log } from '../../base/log.ts'
import type { DnsConfig } from '../config/config.ts'
import { Cache } from './cache.ts'
import { Clients } from './clients.ts'
import { ForwardCounts } from './counts.ts'
import { Forwarder } from './forward.ts'
import { LoopWatch } from './loop.ts'
import { Stubs } from './stubs.ts'

/** Everything about name servers outside: who is asked for what, with one cache and one account of who waits. */
export interface Forwarding {
  /** For all names that have no other place; undefined: those are refused. */
  readonly forward: Forwarder | undefined
  /** undefined: there are none. */
  readonly stubs?: Stubs
  readonly loop: LoopWatch
  readonly cache: Cache
  readonly counts: ForwardCounts
  /** All of them. */
  readonly forwarders: readonly Forwarder[]
  /** Looks whether an upstream sends questions back: once the server listens. */
  start(): void
  /** Questions under way still get their answers. */
  close(): void
}

export type ForwardingConfig = Pick<DnsConfig, 'zone' | 'forward' | 'stub' | 'cache'> & {
  readonly limits: Pick<DnsConfig['limits'], 'inFlightPerClient'>
}

export interface ForwardingOptions {
  readonly config: ForwardingConfig
  readonly log: Log
  /** Of the configuration before, which are counted on. */
  readonly counts?: ForwardCounts | undefined
  readonly loop?: LoopWatch
}

export function makeForwarding({
  config,
  log,
  counts = new ForwardCounts(),
  loop = new LoopWatch(log),
}: ForwardingOptions): Forwarding {
  const cache = new Cache(config.cache, counts.cache)
  const clients = new Clients(config.limits.inFlightPerClient)
  const make = (of: NonNullable<DnsConfig['forward']>): Forwarder =>
    new Forwarder({ config: of, cache, clients, counts, zone: config.zone, log })
  const forward = config.forward && config.forward.to.length > 0 ? make(config.forward) : undefined
  const domains = config.stub.map(({ domain, forward: of }) => ({ domain, forwarder: make(of) }))
  const forwarders = [...(forward ? [forward] : []), ...domains.map(({ forwarder }) => forwarder)]
  return {
    forward,
    ...(domains.length > 0 && { stubs: new Stubs(domains) }),
    loop,
    cache,
    counts,
    forwarders,
    start: () => loop.watch(forwarders.flatMap(({ upstreams }) => upstreams)),
    close() {
      loop.close()
      for (const one of forwarders) one.close()
    },
  }
}
