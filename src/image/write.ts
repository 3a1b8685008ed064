import { chmodSync, closeSync, lchownSync, lutimesSync, openSync, writeSync } from 'node:fs'
import type { TarEntry } from './tar/read.ts'

export type Attributes = Pick<TarEntry, 'kind' | 'mode' | 'uid' | 'gid' | 'mtime'>

/** A new file; one that is there already is an error of ours. */
export async function writeFile(path: string, entry: TarEntry): Promise<void> {
  const fd = openSync(path, 'wx', 0o600)
  try {
    for await (const chunk of entry.body) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
  } finally {
    closeSync(fd)
  }
  own(path, entry)
}

/**
 * Owner, rights and time. An ordinary user can give files to nobody: all are theirs, and in their lab that is root. So that they can remove
 * them, directories stay open to them.
 */
export function own(path: string, { kind, mode, uid, gid, mtime }: Attributes): void {
  const root = process.getuid?.() === 0
  if (root) lchownSync(path, uid, gid)
  // After chown, which takes the set-user-ID bit away. A link has no rights of its own.
  if (kind !== 'symlink') chmodSync(path, root || kind !== 'directory' ? mode : mode | 0o700)
  const time = Math.min(Math.max(mtime, 0), latest)
  lutimesSync(path, time, time)
}

/** The end of unsigned 32 bits: what every file system can keep. */
const latest = 2 ** 32 - 1
