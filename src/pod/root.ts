import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../base/errors.ts'
import type { Program, Result } from '../kernel/launch/program.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../kernel/launch/syscalls.ts'
import type { HostImage } from './image-host.ts'
import { covers, type MountPlan, ownDirectories } from './mountplan.ts'
import { escaped } from './overlay.ts'

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

export interface RootInput {
  image: HostImage
  /** An empty directory that only this container uses. */
  root: string
  plan: MountPlan
  /** For each of the plan's places. */
  sources: readonly Source[]
  /** For each of the plan's layers: whether this machine allows an overlay there. */
  overlay: (directory: string) => boolean
  /** Leave /proc and /sys as they are. */
  privileged: boolean
}

/**
 * The calls by which a process in a new mount namespace puts its root together from this machine's files and moves into it. Until
 * pivot_root only paths that no container can change are used; what containers can change is opened before and placed after, when every link
 * in it already ends inside the new root.
 */
export function enterRoot(program: Program, input: RootInput): void {
  const { root, image, plan } = input
  const at = (path: string): string => join(root, 'r', path)
  program.call('keep mounts inside', 'mount', 'none', '/', 0, MS_REC | MS_PRIVATE, 0)
  program.call('mount the root', 'mount', 'kubehop', root, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
  program.call('make the root', 'mkdir', at('/'), 0o755)
  bind(program, 'mount the root', at('/'), at('/'))
  for (const entry of image.entries) {
    const [here, there] = [`/${entry.name}`, at(entry.name)]
    if (entry.kind === 'link') program.call(`link ${here}`, 'symlink', entry.to ?? '', there)
    else if (plan.layers.includes(here)) make(program, there, entry.kind)
    else {
      make(program, there, entry.kind)
      bind(program, `mount ${here}`, here, there)
    }
  }
  for (const name of ownDirectories) make(program, at(name), 'directory')
  for (const [index, layer] of plan.layers.entries()) addLayer(program, input, layer, index)
  for (const place of plan.places) if (place.early) makeAll(program, root, place.path, place.kind)
  for (const mask of image.mask) hide(program, at, mask)
  restrict(program, 'make the root read-only', at('/'), MOUNT_ATTR_RDONLY | devices(input))

  ownFiles(program, at, image)
  procAndSys(program, at, input.privileged)
  const trees = input.sources.map((source, index) => openSource(program, input, source, index))
  program.call('enter the root', 'chdir', at('/'))
  program.call('enter the root', 'pivot_root', '.', '.')
  program.call('leave the old root', 'umount2', '.', MNT_DETACH)
  program.call('enter the root', 'chdir', '/')

  for (const [index, { path, kind, early }] of plan.places.entries()) {
    const tree = trees[index]
    if (tree === undefined) continue
    if (!early) makeAll(program, '', path, kind)
    program.call(`mount at ${path}`, 'move_mount', tree, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
  }
}

function bind(program: Program, op: string, from: string, to: string): void {
  program.call(op, 'mount', from, to, 0, MS_BIND | MS_REC, 0)
}

/**
 * A container may make device files (CAP_MKNOD), and no device cgroup says which it may open: outside /dev none can be. Otherwise root in a
 * container could read the machine's disks through a file of its own in a volume.
 */
const devices = ({ privileged }: RootInput): number => (privileged ? 0 : MOUNT_ATTR_NODEV)

function restrict(program: Program, op: string, path: string, set: number): void {
  program.call(op, 'mount_setattr', AT_FDCWD, path, AT_RECURSIVE, attributes(set), attributeSize)
}

/** struct mount_attr: u64 set, clear, propagation, userns_fd. */
const attributes = (set: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(set), 0n, 0n, 0n]).buffer)
const attributeSize = 32
const readOnlyAttributes = attributes(MOUNT_ATTR_RDONLY)

function make(program: Program, path: string, kind: 'directory' | 'file'): void {
  if (kind === 'directory') program.call(`make ${path}`, 'mkdir', path, 0o755)
  else program.call(`make ${path}`, 'openat', AT_FDCWD, path, O_CREAT | O_CLOEXEC, 0o644)
}

/** Parents too; whatever is there already stays. That something is missing shows when it is mounted over. */
function makeAll(program: Program, base: string, path: string, kind: 'directory' | 'file'): void {
  const parts = path.split('/').filter(Boolean)
  const prefix = base === '' ? '' : join(base, 'r')
  for (let count = 1; count < parts.length; count++)
    program.attempt('make a mount point', 'mkdir', `${prefix}/${parts.slice(0, count).join('/')}`, 0o755)
  const whole = `${prefix}/${parts.join('/')}`
  if (kind === 'directory') program.attempt('make a mount point', 'mkdir', whole, 0o755)
  else program.attempt('make a mount point', 'openat', AT_FDCWD, whole, O_CREAT | O_CLOEXEC, 0o644)
}

const maxSkeleton = 2000

/** Lets mount points be made in a directory of this machine: an overlay, or where that cannot be, all its entries mounted one by one. */
function addLayer(program: Program, { root, overlay, image }: RootInput, directory: string, index: number): void {
  const to = join(root, 'r', directory)
  const op = `make room for mounts in ${directory}`
  if (overlay(directory) && !image.mountPoints().some((point) => point !== directory && covers(directory, point))) {
    const [upper, work] = [join(root, `u${index}`), join(root, `w${index}`)]
    program.call(op, 'mkdir', upper, 0o755)
    program.call(op, 'mkdir', work, 0o755)
    const options = `lowerdir=${escaped(directory)},upperdir=${escaped(upper)},workdir=${escaped(work)},userxattr`
    program.call(op, 'mount', 'kubehop', to, 'overlay', 0, options)
    return
  }
  const entries = readdirSync(directory, { withFileTypes: true })
  if (entries.length > maxSkeleton) {
    const say = `${directory} has ${entries.length} entries: choose a mountPath that exists or lies in a smaller directory`
    throw new KubehopError('pod', `mount in ${directory}`, 'CreateContainerConfigError', say)
  }
  program.call(op, 'mount', 'kubehop', to, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
  for (const entry of entries) {
    const [here, there] = [join(directory, entry.name), join(to, entry.name)]
    if (entry.isSymbolicLink()) program.call(op, 'symlink', readlinkSync(here), there)
    else if (entry.isDirectory() || entry.isFile()) {
      make(program, there, entry.isDirectory() ? 'directory' : 'file')
      bind(program, `mount ${here}`, here, there)
    }
  }
}

function hide(program: Program, at: (path: string) => string, mask: string): void {
  if (ownDirectories.some((own) => covers(own, mask))) return
  program.call(
    `hide ${mask}`,
    'mount',
    'kubehop',
    at(mask),
    'tmpfs',
    MS_RDONLY | MS_NOSUID | MS_NODEV,
    'size=4k,mode=755',
  )
}

/** What a container writes there is this machine's memory: without a limit, two of them could fill it. Much data belongs in a volume. */
const tmpSize = '512m'
/** As container runtimes give /dev/shm. */
const smallSize = '64m'

function ownFiles(program: Program, at: (path: string) => string, image: HostImage): void {
  const tmpfs = (path: string, options: string): void => {
    program.call(`mount ${path}`, 'mount', 'tmpfs', at(path), 'tmpfs', MS_NOSUID | MS_NODEV, options)
  }
  tmpfs('/tmp', `mode=1777,size=${tmpSize}`)
  tmpfs('/run', `mode=755,size=${smallSize}`)
  // Where it is no link to /run, services of this machine may have sockets in it.
  if (image.files.kind('/var/run') === 'directory') tmpfs('/var/run', `mode=755,size=${smallSize}`)
  tmpfs('/dev', 'mode=755,size=64k')
  for (const name of image.devices) {
    make(program, at(`/dev/${name}`), 'file')
    bind(program, `mount /dev/${name}`, `/dev/${name}`, at(`/dev/${name}`))
  }
  for (const name of ['pts', 'shm', 'mqueue']) make(program, at(`/dev/${name}`), 'directory')
  const terminals = 'newinstance,ptmxmode=0666,mode=0620'
  program.call('mount /dev/pts', 'mount', 'devpts', at('/dev/pts'), 'devpts', MS_NOSUID | MS_NOEXEC, terminals)
  tmpfs('/dev/shm', `mode=1777,size=${smallSize}`)
  program.attempt(
    'mount /dev/mqueue',
    'mount',
    'mqueue',
    at('/dev/mqueue'),
    'mqueue',
    MS_NOSUID | MS_NODEV | MS_NOEXEC,
    0,
  )
  for (const [name, to] of Object.entries(deviceLinks))
    program.call(`link /dev/${name}`, 'symlink', to, at(`/dev/${name}`))
}

const deviceLinks = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
}

// runc's lists (libcontainer/specconv): settings of the kernel that a container may look at but not change, and what it may not see.
const lookOnly = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
const hiddenFiles = ['/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/sched_debug']
const hiddenDirectories = ['/proc/acpi', '/proc/asound', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap']

function procAndSys(program: Program, at: (path: string) => string, privileged: boolean): void {
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
  program.call('mount /proc', 'mount', 'proc', at('/proc'), 'proc', flags, 0)
  // A new sysfs shows this pod's devices; where the kernel refuses one, the machine's is better than none.
  program.attempt('mount /sys', 'mount', 'sysfs', at('/sys'), 'sysfs', flags | (privileged ? 0 : MS_RDONLY), 0)
  program.unless('look at /sys', 'openat', [AT_FDCWD, at('/sys/kernel'), O_PATH | O_CLOEXEC], (otherwise) => {
    otherwise.attempt('mount /sys', 'mount', '/sys', at('/sys'), 0, MS_BIND | MS_REC, 0)
    otherwise.attempt(
      'mount /sys',
      'mount_setattr',
      AT_FDCWD,
      at('/sys'),
      AT_RECURSIVE,
      readOnlyAttributes,
      attributeSize,
    )
  })
  if (privileged) return
  for (const path of lookOnly) {
    program.attempt(`protect ${path}`, 'mount', at(path), at(path), 0, MS_BIND | MS_REC, 0)
    program.attempt(
      `protect ${path}`,
      'mount_setattr',
      AT_FDCWD,
      at(path),
      AT_RECURSIVE,
      readOnlyAttributes,
      attributeSize,
    )
  }
  for (const path of hiddenFiles) program.attempt(`hide ${path}`, 'mount', '/dev/null', at(path), 0, MS_BIND, 0)
  for (const path of hiddenDirectories)
    program.attempt(`hide ${path}`, 'mount', 'tmpfs', at(path), 'tmpfs', flags | MS_RDONLY, 'size=0')
}

const clone = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE

/** A detached copy of the source's mounts, as a descriptor. */
function openSource(program: Program, input: RootInput, source: Source, index: number): Result {
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
  for (const path of source.masks)
    program.call(
      `hide ${path}`,
      'mount',
      'kubehop',
      join(own, path),
      'tmpfs',
      MS_RDONLY | MS_NOSUID | MS_NODEV,
      'size=4k',
    )
  if (set !== 0) restrict(program, op, own, set)
  return program.call(op, 'open_tree', AT_FDCWD, own, clone)
}

/** Step by step with openat2(2), refusing links: another container may be changing the directory at this moment (CVE-2017-1002101). */
function openBelow(program: Program, op: string, from: string, parts: string[], kind: Source['kind']): Result {
  program.call(op, 'chdir', from)
  let last: Result | undefined
  for (const [at, part] of parts.entries()) {
    const isLast = at === parts.length - 1
    if (!isLast || kind === 'directory') program.attempt(op, 'mkdir', part, 0o750)
    const how = new BigUint64Array(3) // struct open_how: flags, mode, resolve
    how[0] = BigInt(O_PATH | O_CLOEXEC | (isLast ? 0 : O_DIRECTORY))
    how[2] = BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
    last = program.call(op, 'openat2', AT_FDCWD, part, new Uint8Array(how.buffer), 24)
    if (!isLast) program.call(op, 'fchdir', last)
  }
  if (!last) throw new KubehopError('pod', op, 'CreateContainerConfigError', 'the subPath is empty')
  return program.call(op, 'open_tree', last, '', clone | AT_EMPTY_PATH)
}
