import { readdirSync, readFileSync } from 'node:fs'

export interface Sample {
  pid: number
  command: string
  /** Proportional set size, bytes: shared pages are divided among those who share them. */
  pss: number
}

/** The process and everything below it; one that ends meanwhile is left out. */
export function processesBelow(root: number): Sample[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = read(`/proc/${name}/stat`)
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)]
  return below(root).flatMap((pid) => {
    const rollup = read(`/proc/${pid}/smaps_rollup`)
    const pss = /^Pss:\s+(\d+) kB$/m.exec(rollup)
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
    return pss ? [{ pid, command, pss: Number(pss[1]) * 1024 }] : []
  })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return ''
    throw error
  }
}
