import { readdirSync, readFileSync } from 'node:fs'
import type { Family } from './family.ts'
import { measured } from './number.ts'

/** What Prometheus' client libraries tell of every process, under their names. */
export function processFamilies(): Family[] {
  return [
    measured('counter', 'process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    }),
    measured('gauge', 'process_resident_memory_bytes', 'Resident memory size in bytes.', () =>
      process.memoryUsage.rss(),
    ),
    measured(
      'gauge',
      'process_start_time_seconds',
      'Start time of the process since unix epoch in seconds.',
      () => Math.round(performance.timeOrigin) / 1000,
    ),
    // The one with which the folder is read does not count.
    measured(
      'gauge',
      'process_open_fds',
      'Number of open file descriptors.',
      () => readdirSync('/proc/self/fd').length - 1,
    ),
    measured('gauge', 'process_max_fds', 'Maximum number of open file descriptors.', maxDescriptors),
  ]
}

function maxDescriptors(): number | undefined {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  return soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}
