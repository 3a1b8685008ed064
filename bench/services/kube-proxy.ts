import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { formatCidr } from '../../src/base/address.ts'
import type { Connection } from '../../src/api/client/http.ts'
import { kubeconfig } from '../../src/api/client/kubeconfig.ts'
import { createNetns, inNetns } from '../../src/kernel/netns.ts'
import { pin } from '../harness/cores.ts'
import { nodeFacts, podCidr } from './make.ts'
import { loopbackUp } from '../harness/loopback.ts'
import { type Memory, memoryOf } from '../harness/memory.ts'
import { startApi } from './processes.ts'

export interface KubeProxyPlan {
  readonly program: string
  readonly services: number
  readonly each: number
  readonly changes: number
  readonly cores: { readonly agent: number | undefined; readonly api: number | undefined }
}

export interface KubeProxyFigures {
  /** Its own count of the first synchronization, milliseconds. */
  readonly syncMs: number
  /** From the writing of a change to the end of the last synchronization that it led to, milliseconds. */
  readonly changes: readonly number[]
  readonly memory: Memory
}

interface Sync {
  /** When it ended (CLOCK_MONOTONIC, milliseconds). */
  readonly at: number
  readonly took: number
}

/** The program kube-proxy in its nftables mode, following the same API server in a network namespace of its own. */
export async function measureKubeProxy(plan: KubeProxyPlan): Promise<KubeProxyFigures> {
  using ns = createNetns()
  loopbackUp(ns)
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
  const api = startApi(plan.services, plan.each, plan.cores.api, ns)
  try {
    const { connection } = (await api.hear()) as { connection: Connection }
    const args = ['--config', writeConfig(folder, connection), '--v', '2']
    const child = inNetns(ns, () => spawn(plan.program, args, { stdio: ['ignore', 'ignore', 'pipe'] }))
    const pid = child.pid ?? 0
    if (plan.cores.agent !== undefined) pin(pid, plan.cores.agent)
    try {
      const syncs = await follow(child)
      const syncMs = syncs[0]?.took ?? Number.NaN
      const changes: number[] = []
      for (let i = 0; i < plan.changes; i++) {
        await settled(syncs)
        const before = syncs.length
        const { times } = (await api.ask({ do: 'changes', count: 1, gapMs: 0 })) as { times: readonly number[] }
        while (syncs.length === before) await pause(pollMs)
        await settled(syncs)
        changes.push((syncs.at(-1)?.at ?? Number.NaN) - (times[0] ?? 0))
      }
      return { syncMs, changes, memory: memoryOf(pid) }
    } finally {
      child.kill('SIGKILL')
    }
  } finally {
    api.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Its synchronizations, as it says them; fulfilled after the first one. */
async function follow(child: ChildProcessByStdio<null, null, Readable>): Promise<readonly Sync[]> {
  const syncs: Sync[] = []
  const first = Promise.withResolvers<void>()
  let last = 'nothing'
  createInterface({ input: child.stderr }).on('line', (line) => {
    last = line
    const [, elapsed] = /"SyncProxyRules complete" ipFamily="IPv4" elapsed="([^"]+)"/.exec(line) ?? []
    if (elapsed === undefined) return
    syncs.push({ at: Number(process.hrtime.bigint()) / 1e6, took: milliseconds(elapsed) })
    first.resolve()
  })
  child.once('exit', () => first.reject(new Error(`kube-proxy ended; the last that it said: ${last}`)))
  await first.promise
  return syncs
}

const pollMs = 10
const quietMs = 60

/** A service and its slice may be two synchronizations, one after the other. */
async function settled(syncs: readonly Sync[]): Promise<void> {
  for (;;) {
    const { at = 0, took = 0 } = syncs.at(-1) ?? {}
    if (Number(process.hrtime.bigint()) / 1e6 - at > quietMs + 2 * Math.min(took, 1000)) return
    await pause(pollMs)
  }
}

/** As Go writes a duration: `1m23.4s`, `21.29ms`. */
function milliseconds(text: string): number {
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, µs: 0.001, ns: 0.000_001 }
  return [...text.matchAll(/([\d.]+)(ms|µs|ns|h|m|s)/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * (units[unit ?? ''] ?? Number.NaN),
    0,
  )
}

function writeConfig(folder: string, connection: Connection): string {
  const { server, ca = '', cert = '', key = '' } = connection
  const access = join(folder, 'kubeconfig')
  writeFileSync(access, kubeconfig({ server, ca, cert, key }))
  const path = join(folder, 'config')
  const json = 'application/json'
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    hostnameOverride: nodeFacts.name,
    clusterCIDR: formatCidr(podCidr),
    clientConnection: { kubeconfig: access, contentType: json, acceptContentTypes: json, qps: 50, burst: 100 },
    // As soon as it can: by default it collects changes for a second.
    nftables: { minSyncPeriod: '1ms', syncPeriod: '1h' },
    // Limits of the whole machine, which a network namespace may not set.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}
