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
  /** When one of its processes is ended for want of memory, all others are, too (version 2 only). */
  endTogether?: boolean
}

const periodUs = 100_000
// The kernel refuses less than a millisecond, and more than 44 bits (max_cfs_runtime in kernel/sched/core.c).
const [leastQuotaUs, mostQuotaUs] = [1000, 2 ** 44 - 1]
/** No machine has as much: 8 Pi. What is beyond would not be written in full. */
const mostMemory = Number.MAX_SAFE_INTEGER
const [leastShares, mostShares] = [2, 262_144]

/**
 * The files of one controller and what to write to them, in order. As kubelet (k8s.io/kubernetes/pkg/kubelet/cm/helpers_linux.go); weights of version 2
 * from KEP-2254.
 */
export function settingsOf(version: 1 | 2, controller: Controller, limits: Limits): [file: string, text: string][] {
  const { cpuMost, cpuShare, pids } = limits
  if (controller === 'pids') return pids === undefined ? [] : [['pids.max', String(pids)]]
  if (controller === 'memory') return version === 2 ? memoryOf2(limits) : memoryOf1(limits)
  const shares = cpuShare === undefined ? undefined : sharesOf(cpuShare)
  const quota = cpuMost === undefined ? undefined : quotaOf(cpuMost)
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

// Without swap for the group, or a limit would only move it to the disk (as kubelet's default, NoSwap).

function memoryOf2({ memory, endTogether }: Limits): [file: string, text: string][] {
  return [
    ...(memory === undefined
      ? []
      : ([
          ['memory.max', bytes(memory)],
          ['memory.swap.max', '0'],
        ] as [string, string][])),
    ...(endTogether === true ? [['memory.oom.group', '1'] as [string, string]] : []),
  ]
}

/** Memory and swap together are limited to what memory alone is; in this order, as the sum must never be the smaller one. */
function memoryOf1({ memory }: Limits): [file: string, text: string][] {
  if (memory === undefined) return []
  return ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'].map((file) => [file, bytes(memory)])
}

function bytes(memory: number): string {
  return String(Math.min(mostMemory, memory))
}

function quotaOf(milli: number): number {
  return Math.min(mostQuotaUs, Math.max(leastQuotaUs, Math.floor((milli * periodUs) / 1000)))
}

function sharesOf(milli: number): number {
  return Math.min(mostShares, Math.max(leastShares, Math.floor((milli * 1024) / 1000)))
}

/** From 2..262144 to 1..10000. */
function weightOf(shares: number): number {
  return 1 + Math.floor(((shares - leastShares) * 9999) / (mostShares - leastShares))
}
