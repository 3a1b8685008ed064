import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

/** What a figure depends on, and nothing that names a person's machine. */
export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  kernel: string
  virtual: boolean
  node: string
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    // Not those that this process may use: a bench may have put itself on one.
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    // The first two numbers say what the kernel can do; what a distributor appends says whose it is.
    kernel: /^\d+\.\d+/.exec(release())?.[0] ?? release(),
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')),
    node: process.version,
  }
}

export function describeMachine(of: Machine): string {
  return `${of.cores} cores of ${of.cpu}${of.virtual ? ' (virtual)' : ''}, ${of.memoryGiB} GiB, Linux ${of.kernel}, Node ${of.node}`
}
