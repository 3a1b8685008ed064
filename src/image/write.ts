import { chmodSync, closeSync, lchownSync, lutimesSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setAttribute } from '../kernel/xattr.ts'
import type { TarEntry } from './tar/read.ts'

export type Attributes = Pick<TarEntry, 'kind' | 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs'>

/** A new file; one that is there already is an error of ours. Whether it is all that it was, see {@link own}. */
export async function writeFile(path: string, entry: TarEntry): Promise<boolean> {
  const fd = openSync(path, 'wx', 0o600)
  try {
    for await (const chunk of entry.body) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
  } finally {
    closeSync(fd)
  }
  return own(path, entry)
}

/**
 * Owner, extended attributes, rights and time; false when an attribute could not be kept. An ordinary user can give files to nobody: all are theirs, and in
 * their lab that is root. So that they can remove them, directories stay open to them.
 */
export function own(path: string, { kind, mode, uid, gid, mtime, xattrs }: Attributes): boolean {
  const user = (me ??= whoAmI())
  if (user.root) chown(path, uid, gid)
  // After chown, which takes file capabilities away; before chmod, which may take away the right to write.
  const kept = [...xattrs].map(([name, value]) => isKept(name) && setAttribute(path, name, value) === undefined)
  // After chown, which takes the set-user-ID bit away. A link has no rights of its own.
  if (kind !== 'symlink') chmodSync(path, user.ordinary && kind === 'directory' ? mode | 0o700 : mode)
  const time = Math.min(Math.max(mtime, 0), latest)
  lutimesSync(path, time, time)
  return kept.every(Boolean)
}

let me: ReturnType<typeof whoAmI> | undefined

/** A lab's node is root to itself, and to this machine the ordinary user who started the lab (user_namespaces(7)). */
function whoAmI(): { root: boolean; ordinary: boolean } {
  const root = process.getuid?.() === 0
  return { root, ordinary: !root || !/^\s*0\s+0\s/.test(readFileSync('/proc/self/uid_map', 'utf8')) }
}

/** Users and groups that a user namespace does not have own nothing in it. */
function chown(path: string, uid: number, gid: number): void {
  try {
    lchownSync(path, uid, gid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  }
}

/**
 * File capabilities, and what users set. The others are this machine's matter (security.selinux, trusted.*), and what begins with user.overlay would tell
 * overlayfs where to look for files.
 */
const isKept = (name: string): boolean =>
  name === 'security.capability' || (/^user\../.test(name) && !name.startsWith('user.overlay.'))

/** The end of unsigned 32 bits: what every file system can keep. */
const latest = 2 ** 32 - 1
