import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../base/log.ts'
import type { DnsConfig } from './config/config.ts'
import { Forwarder } from './forward/forward.ts'
import { handlerList } from './handlers/list.ts'
import { Responder } from './server/responder.ts'
import type { Zone } from './zone/zone.ts'

/** What answers by one configuration. Another configuration makes another one; questions under way end with the one they began with. */
export interface Assembly {
  readonly config: DnsConfig
  readonly responder: Responder
  readonly forward: Forwarder | undefined
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
  const kept = before && sameForward(before.config, config) ? before.forward : undefined
  const forward = kept ?? makeForwarder(config, log)
  const responder = new Responder({ ...handlerList({ zone, forward, synced }), log })
  return { config, responder, forward }
}

function sameForward(a: DnsConfig, b: DnsConfig): boolean {
  return isDeepStrictEqual([a.forward, a.cache], [b.forward, b.cache])
}

function makeForwarder({ forward }: DnsConfig, log: Log): Forwarder | undefined {
  if (!forward || forward.to.length === 0) return undefined
  return new Forwarder({ upstream: forward.to, milliseconds: forward.timeout, log })
}
