import { isDeepStrictEqual } from 'node:util'
import type { DnsConfig } from './config.ts'

/** What is settled when a server starts: sockets are bound to it, processes share it, or everything that is known is named by it. */
const settled = ['zone', 'listen', 'health', 'ready', 'metrics', 'workers'] as const

/** What of `wanted` can be had by a server that runs with `now`, and the options that it has to be started again for. */
export function withoutRestart(now: DnsConfig, wanted: DnsConfig): { config: DnsConfig; restart: string[] } {
  const restart: string[] = settled.filter((name) => !isDeepStrictEqual(now[name], wanted[name]))
  const kept = Object.fromEntries(settled.map((name) => [name, now[name]])) as Pick<DnsConfig, (typeof settled)[number]>
  // Pods are followed from the start, or not at all.
  const morePods = wanted.pods === 'verified' && now.pods !== 'verified'
  if (morePods) restart.push('pods')
  return { config: { ...wanted, ...kept, ...(morePods ? { pods: now.pods } : {}) }, restart }
}
