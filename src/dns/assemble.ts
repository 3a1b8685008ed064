import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../base/log.ts'
import type { DnsConfig } from './config/config.ts'
import type { Forwarder } from './forward/forward.ts'
import { type Forwarding, makeForwarding } from './forward/forwarding.ts'
import { handlerList } from './handlers/list.ts'
import { type Hosts, openHosts } from './hosts/hosts.ts'
import { nodeSearches } from './searches.ts'
import { Responder } from './server/responder.ts'
import type { Zone } from './zone/zone.ts'

/** What answers by one configuration. Another configuration makes another one; questions under way end with the one they began with. */
export interface Assembly {
  readonly config: DnsConfig
  readonly responder: Responder
  readonly forward: Forwarder | undefined
  readonly forwarding: Forwarding
  readonly hosts: Hosts | undefined
}

export interface AssembleOptions {
  readonly config: DnsConfig
  readonly zone: Zone
  readonly synced: () => boolean
  readonly log: Log
  /** The one before: what has not changed, such as a cache that is warm, is taken over. */
  readonly before?: Assembly | undefined
}

export function assemble({ config, zone, synced, log, before }: AssembleOptions): Assembly {
  const kept = before && sameForwarding(before.config, config) ? before.forwarding : undefined
  const forwarding = kept ?? makeForwarding({ config, log, counts: before?.forwarding.counts })
  const { forward } = forwarding
  const hosts = isDeepStrictEqual(before?.config.hosts, config.hosts)
    ? before?.hosts
    : config.hosts && openHosts(config.hosts, log)
  const autopath = config.autopath ? nodeSearches(config.zone) : undefined
  const responder = new Responder({ ...handlerList({ zone, synced, hosts, autopath, ...forwarding }), log })
  return { config, responder, forward, forwarding, hosts }
}

function sameForwarding(a: DnsConfig, b: DnsConfig): boolean {
  const parts = ({ zone, forward, stub, cache, limits }: DnsConfig): unknown[] => {
    return [zone, forward, stub, cache, limits.inFlightPerClient]
  }
  return isDeepStrictEqual(parts(a), parts(b))
}
