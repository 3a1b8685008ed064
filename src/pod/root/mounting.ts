import { join } from 'node:path'
import type { Program } from '../../kernel/launch/program.ts'
import { reportFd } from '../../kernel/launch/stub.ts'
import {
  AT_FDCWD,
  AT_RECURSIVE,
  MNT_DETACH,
  MOUNT_ATTR_RDONLY,
  MS_BIND,
  MS_NODEV,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  O_CLOEXEC,
  O_CREAT,
} from '../../kernel/launch/syscalls.ts'

// The few steps that a container's root is put together of.

export type MountKind = 'directory' | 'file'

/** Somewhere to put a root together, seen by nobody else. */
export function workplace(program: Program, root: string): void {
  program.call('keep mounts inside', 'mount', 'none', '/', 0, MS_REC | MS_PRIVATE, 0)
  program.call('mount the root', 'mount', 'kubehop', root, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
}

/** The lowest descriptor that is not the launch's own. */
const firstOwn = reportFd + 1
const lastDescriptor = 0xffff_ffff

/**
 * Descriptors lead out of the root as long as they are open: to whatever the container's working directory is said to be, and to neighbours who may look
 * into this process (CVE-2024-21626). `kept` are not of directories outside.
 */
export function closeBehind(program: Program, kept: readonly number[]): void {
  const op = 'close what leads out'
  let from = firstOwn
  for (const fd of kept.toSorted((a, b) => a - b)) {
    if (fd > from) program.call(op, 'close_range', from, fd - 1, 0)
    from = fd + 1
  }
  program.call(op, 'close_range', from, lastDescriptor, 0)
}

/** Nothing of the old root can be reached by a path afterwards. */
export function moveInto(program: Program, root: string): void {
  program.call('enter the root', 'chdir', root)
  program.call('enter the root', 'pivot_root', '.', '.')
  program.call('leave the old root', 'umount2', '.', MNT_DETACH)
  program.call('enter the root', 'chdir', '/')
}

/** With everything that is mounted below. */
export function bind(program: Program, op: string, from: string, to: string): void {
  program.call(op, 'mount', from, to, 0, MS_BIND | MS_REC, 0)
}

/** Sets MOUNT_ATTR_ flags on a mount and everything mounted below it. */
export function restrict(program: Program, op: string, path: string, set: number): void {
  program.call(op, 'mount_setattr', AT_FDCWD, path, AT_RECURSIVE, attributes(set), attributeSize)
}

/** {@link restrict} for what need not be there. */
export function tryToRestrict(program: Program, op: string, path: string, set: number): void {
  program.attempt(op, 'mount_setattr', AT_FDCWD, path, AT_RECURSIVE, attributes(set), attributeSize)
}

/** Makes this mount read-only, and none that lies in it. */
export function sealTop(program: Program, op: string, path: string): void {
  program.call(op, 'mount_setattr', AT_FDCWD, path, 0, attributes(MOUNT_ATTR_RDONLY), attributeSize)
}

/** struct mount_attr: u64 set, clear, propagation, userns_fd. */
const attributes = (set: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(set), 0n, 0n, 0n]).buffer)
const attributeSize = 32

/** Covers a directory with an empty one. */
export function hide(program: Program, path: string, shown: string): void {
  const flags = MS_RDONLY | MS_NOSUID | MS_NODEV
  program.call(`hide ${shown}`, 'mount', 'kubehop', path, 'tmpfs', flags, 'size=4k,mode=755')
}

export function make(program: Program, path: string, kind: MountKind): void {
  if (kind === 'directory') program.call(`make ${path}`, 'mkdir', path, 0o755)
  else program.call(`make ${path}`, 'openat', AT_FDCWD, path, O_CREAT | O_CLOEXEC, 0o644)
}

/** `path` below `base`, parents too; whatever is there already stays. That something is missing shows when it is mounted over. */
export function makeAll(program: Program, base: string, path: string, kind: MountKind): void {
  const op = 'make a mount point'
  const parts = path.split('/').filter(Boolean)
  const upTo = (count: number): string => join(base, ...parts.slice(0, count))
  for (let count = 1; count < parts.length; count++) program.attempt(op, 'mkdir', upTo(count), 0o755)
  const whole = upTo(parts.length)
  if (kind === 'directory') program.attempt(op, 'mkdir', whole, 0o755)
  else program.attempt(op, 'openat', AT_FDCWD, whole, O_CREAT | O_CLOEXEC, 0o644)
}
