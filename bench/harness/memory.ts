import { readFileSync } from 'node:fs'

/** Bytes that a process takes. */
export interface Memory {
  /** Shared pages are divided among those who share them. */
  readonly pss: number
  readonly rss: number
  /** The largest that `rss` has been so far. */
  readonly peak: number
}

export function memoryOf(pid: number): Memory {
  const kilobytes = (file: string, name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'latin1'))
    return Number(found?.[1] ?? Number.NaN) * 1024
  }
  return {
    pss: kilobytes('smaps_rollup', 'Pss'),
    rss: kilobytes('smaps_rollup', 'Rss'),
    peak: kilobytes('status', 'VmHWM'),
  }
}
