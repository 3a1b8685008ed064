import type { Controller } from './hierarchy.ts'

/** What a group may have. */
export interface Limits {
  /** Thousandths of a processor's time, at most. */
  cpuMost?: number
  /** Thousandths of a processor's time that count when groups want more than there is. */
  cpuShare?: number
  /** Bytes. */
  memory?: number
  /** Processes and threads. */
  pids?: number
}

const periodUs = 100_000
const leastQuotaUs = 1000
const [leastShares, mostShares] = [2, 262_144]

/**
 * The files of one controller and what to write to them, in order. As kubelet (k8s.io/kubernetes/pkg/kubelet/cm/helpers_linux.go); weights of version 2
 * from KEP-2254.
 */
export function settingsOf(version: 1 | 2, controller: Controller, limits: Limits): [file: string, text: string][] {
  const { cpuMost, cpuShare, memory, pids } = limits
  if (controller === 'pids') return pids === undefined ? [] : [['pids.max', String(pids)]]
  if (controller === 'memory') {
    if (memory === undefined) return []
    // Without swap for the group, or a limit would only move it to the disk (as kubelet's default, NoSwap).
    return version === 2
      ? [
          ['memory.max', String(memory)],
          ['memory.swap.max', '0'],
        ]
      : [['memory.limit_in_bytes', String(memory)]]
  }
  const shares = cpuShare === undefined ? undefined : sharesOf(cpuShare)
  const quota = cpuMost === undefined ? undefined : Math.max(leastQuotaUs, Math.floor((cpuMost * periodUs) / 1000))
  if (version === 2)
    return [
      ...(shares === undefined ? [] : [['cpu.weight', String(weightOf(shares))] as [string, string]]),
      ...(quota === undefined ? [] : [['cpu.max', `${quota} ${periodUs}`] as [string, string]]),
    ]
  return [
    ...(shares === undefined ? [] : [['cpu.shares', String(shares)] as [string, string]]),
    ...(quota === undefined
      ? []
      : ([
          ['cpu.cfs_period_us', String(periodUs)],
          ['cpu.cfs_quota_us', String(quota)],
        ] as [string, string][])),
  ]
}

function sharesOf(milli: number): number {
  return Math.min(mostShares, Math.max(leastShares, Math.floor((milli * 1024) / 1000)))
}

/** From 2..262144 to 1..10000. */
function weightOf(shares: number): number {
  return 1 + Math.floor(((shares - leastShares) * 9999) / (mostShares - leastShares))
}
