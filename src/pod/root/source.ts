import { statSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../../base/errors.ts'
import type { Program, Result } from '../../kernel/launch/program.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  OPEN_TREE_CLONE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../../kernel/launch/syscalls.ts'
import { hide, make, type MountKind, restrict } from './mounting.ts'
import type { AnyRoot } from './input.ts'

/** Where a target's files come from. */
export interface Source {
  from: string
  kind: 'directory' | 'file'
  readOnly: boolean
  /** A device of this machine, asked for by name. */
  device?: boolean
  /** Below `from`, which a container may have filled with links: followed without any. */
  subPath?: string[]
  /** Paths below the source that stay hidden. */
  masks: string[]
}

/** As long as a root is made; {@link become} sets the container's own. */
const usualUmask = 0o022
const clone = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE

/** A detached copy of the source's mounts, as a descriptor; undefined for what the root has there itself. */
export function openSource(
  program: Program,
  input: AnyRoot,
  source: Source | undefined,
  index: number,
): Result | undefined {
  if (!source) return undefined
  const op = `open ${[source.from, ...(source.subPath ?? [])].join('/')}`
  const plain = (): Result =>
    source.subPath
      ? openBelow(program, op, source.from, source.subPath, source.kind)
      : program.call(op, 'open_tree', AT_FDCWD, source.from, clone)
  const set = (source.readOnly ? MOUNT_ATTR_RDONLY : 0) | (source.device === true ? 0 : devices(input))
  if (set === 0 && source.masks.length === 0) return plain()
  const own = join(input.root, `v${index}`)
  make(program, own, source.kind)
  program.call(op, 'move_mount', plain(), '', AT_FDCWD, own, MOVE_MOUNT_F_EMPTY_PATH)
  for (const path of source.masks) hide(program, join(own, path), path)
  if (set !== 0) restrict(program, op, own, set)
  return program.call(op, 'open_tree', AT_FDCWD, own, clone)
}

/** Step by step with openat2(2), refusing links: another container may be changing the directory at this moment (CVE-2017-1002101). */
function openBelow(program: Program, op: string, from: string, parts: string[], kind: MountKind): Result {
  // What it lacks is made as kubelet does: whoever may write to the volume may write there, too.
  const mode = statSync(from).mode & 0o777
  program.call(op, 'umask', 0)
  program.call(op, 'chdir', from)
  let last: Result | undefined
  for (const [at, part] of parts.entries()) {
    const isLast = at === parts.length - 1
    if (!isLast || kind === 'directory') program.attempt(op, 'mkdir', part, mode)
    const how = new BigUint64Array(3) // struct open_how: flags, mode, resolve
    how[0] = BigInt(O_PATH | O_CLOEXEC | (isLast ? 0 : O_DIRECTORY))
    how[2] = BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
    last = program.call(op, 'openat2', AT_FDCWD, part, new Uint8Array(how.buffer), 24)
    if (!isLast) program.call(op, 'fchdir', last)
  }
  program.call(op, 'umask', usualUmask)
  if (!last) throw new KubehopError('pod', op, 'CreateContainerConfigError', 'the subPath is empty')
  return program.call(op, 'open_tree', last, '', clone | AT_EMPTY_PATH)
}

/**
 * A container may make device files (CAP_MKNOD), and no device cgroup says which it may open: outside /dev none can be. Otherwise root in a
 * container could read the machine's disks through a file of its own in a volume.
 */
export const devices = ({ privileged }: AnyRoot): number => (privileged ? 0 : MOUNT_ATTR_NODEV)
