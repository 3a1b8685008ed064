import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds of processor time that a process has had, all its threads that are still there. */
export function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  // Nanoseconds, while /proc/PID/stat counts hundredths of a second.
  const times = threads.map((id) => Number.parseInt(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1'), 10))
  return times.reduce((sum, one) => sum + one, 0) / 1e6
}
