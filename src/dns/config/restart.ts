import { isDeepStrictEqual } from 'node:util'
import type { DnsConfig } from './config.ts'

/** What is settled when a server starts: sockets are bound to it, processes share it, or everything that is known is named by it. */
const settled = ['zone', 'listen', 'health', 'ready', 'metrics', 'workers'] as const

/** What of `wanted` can be had by a server that runs with `now`, and the options that it has to be started again for. */
export function withoutRestart(now: DnsConfig, wanted: DnsConfig): { config: DnsConfig; restart: string[] } {
  const restart: string[] = settled.filter((name) => !isDeepStrictEqual(now[name], wanted[name]))
  const kept = Object.fromEntries(settled.map((name) => [name, now[name]])) as Pick<DnsConfig, (typeof settled)[number]>
  // Pods are followed from the start, or not at all.
  const pods = wanted.pods === 'verified' && !followsPods(now) ? { pods: now.pods } : {}
  const autopath = wanted.autopath && !followsPods(now) ? { autopath: now.autopath } : {}
  restart.push(...Object.keys(pods), ...Object.keys(autopath))
  return { config: { ...wanted, ...kept, ...pods, ...autopath }, restart }
}

/** Whether the options need to know the cluster's pods. */
export function followsPods({ pods, autopath }: DnsConfig): boolean {
  return pods === 'verified' || autopath
}
