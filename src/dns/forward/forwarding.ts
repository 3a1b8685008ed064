import type { Log } from '../../base/log.ts'
import type { DnsConfig } from '../config/config.ts'
import { Cache } from './cache.ts'
import { Clients } from './clients.ts'
import { Forwarder } from './forward.ts'
import { LoopWatch } from './loop.ts'
import { Stubs } from './stubs.ts'

/** Everything about name servers outside: who is asked for what, with one cache and one account of who waits. */
export interface Forwarding {
  /** For all names that have no other place; undefined: those are refused. */
  readonly forward: Forwarder | undefined
  readonly stubs: Stubs
  readonly loop: LoopWatch
  readonly cache: Cache
  readonly clients: Clients
  /** All of them. */
  readonly forwarders: readonly Forwarder[]
  /** Looks whether an upstream sends questions back: once the server listens. */
  start(): void
  /** Questions under way still get their answers. */
  close(): void
}

export type ForwardingConfig = Pick<DnsConfig, 'zone' | 'forward' | 'stub' | 'cache' | 'limits'>

export function makeForwarding(config: ForwardingConfig, log: Log): Forwarding {
  const cache = new Cache(config.cache)
  const clients = new Clients(config.limits.inFlightPerClient)
  const make = (of: NonNullable<DnsConfig['forward']>): Forwarder =>
    new Forwarder({ config: of, cache, clients, zone: config.zone, log })
  const forward = config.forward && config.forward.to.length > 0 ? make(config.forward) : undefined
  const stubs = new Stubs(config.stub.map(({ domain, forward: of }) => ({ domain, forwarder: make(of) })))
  const forwarders = [...(forward ? [forward] : []), ...stubs.forwarders]
  const loop = new LoopWatch(log)
  return {
    forward,
    stubs,
    loop,
    cache,
    clients,
    forwarders,
    start: () => loop.watch(forwarders.flatMap(({ upstreams }) => upstreams)),
    close() {
      loop.close()
      for (const one of forwarders) one.close()
    },
  }
}
