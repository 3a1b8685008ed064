import type { TestContext } from 'node:test'
import { pino } from 'pino'
import {
  type CacheConfig,
  defaults,
  type ForwardConfig,
  forwardDefaults,
  type UpstreamConfig,
} from '../config/config.ts'
import { Cache } from '../forward/cache.ts'
import { Clients } from '../forward/clients.ts'
import { ForwardCounts } from '../forward/counts.ts'
import { Forwarder } from '../forward/forward.ts'
import { foldedName } from '../forward/names.ts'
import type { Asked } from '../forward/question.ts'
import { types } from '../wire/message.ts'
import { type Script, type ScriptedUpstream, scriptedUpstream } from './upstream.ts'

export const silent: pino.Logger = pino({ level: 'silent' })

/** Asks the upstreams in their order, where nothing else is said. */
export function forwarderTo(
  to: readonly UpstreamConfig[],
  { inFlightPerClient = 200, ...more }: Partial<ForwardConfig> & { inFlightPerClient?: number } = {},
  cache: Partial<CacheConfig> = {},
  now?: () => number,
): Forwarder {
  const counts = new ForwardCounts()
  return new Forwarder({
    config: { ...forwardDefaults, policy: 'sequential', timeout: 500, ...more, to },
    cache: new Cache({ ...defaults.cache, ...cache }, counts.cache, now),
    counts,
    clients: new Clients(inFlightPerClient),
    zone: 'cluster.local',
    log: silent,
  })
}

export function asked(name: string, type: keyof typeof types = 'A'): Asked {
  return { name: foldedName(name), type: types[type], dnssec: false, unchecked: false }
}

/** Until the test ends. */
export async function scripted(t: TestContext, script: Script): Promise<ScriptedUpstream> {
  const upstream = await scriptedUpstream(script)
  t.after(() => upstream.close())
  return upstream
}
