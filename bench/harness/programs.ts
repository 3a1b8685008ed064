import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface Program {
  readonly path: string
  /** What it needs to find its libraries. */
  readonly env: Readonly<Record<string, string>>
}

/** A program of this machine, or of Debian's packages as they are unpacked for the tests (scripts/debian.ts). */
export function findProgram(name: string): Program | undefined {
  // Debian keeps servers where only root looks.
  const own = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']
  const path = own.map((folder) => join(folder, name)).find((one) => existsSync(one))
  if (path !== undefined) return { path, env: {} }
  for (const root of unpackedRoots())
    for (const folder of ['usr/bin', 'usr/sbin'])
      if (existsSync(join(root, folder, name)))
        return { path: join(root, folder, name), env: { LD_LIBRARY_PATH: join(root, 'usr/lib/x86_64-linux-gnu') } }
  return undefined
}

function unpackedRoots(): string[] {
  const cache = resolve('.cache')
  if (!existsSync(cache)) return []
  // One that is being unpacked has the number of a process behind its name.
  return readdirSync(cache).flatMap((name) => (/^debian-[\w.]+$/.test(name) ? [join(cache, name)] : []))
}
