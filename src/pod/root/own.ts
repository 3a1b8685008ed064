import type { Program } from '../../kernel/launch/program.ts'
import {
  AT_FDCWD,
  MOUNT_ATTR_RDONLY,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  O_CLOEXEC,
  O_PATH,
} from '../../kernel/launch/syscalls.ts'
import type { HostImage } from './host-image.ts'
import { bind, make, restrict, sealTop, tryToRestrict } from './mounting.ts'

/** What a container writes there is this machine's memory: without a limit, two of them could fill it. Much data belongs in a volume. */
const tmpSize = '512m'
/** An empty file takes a kilobyte of the kernel's memory. */
const tmpFiles = '128k'
/** As container runtimes give /dev/shm. */
const smallSize = '64m'

type At = (path: string) => string

/** /tmp and /run of `image: host`: new ones for every container. */
export function ownFiles(program: Program, at: At, machine: HostImage): void {
  tmpfs(program, at, '/tmp', `mode=1777,size=${tmpSize},nr_inodes=${tmpFiles}`)
  tmpfs(program, at, '/run', `mode=755,size=${smallSize},nr_inodes=16k`)
  if (hasVarRun(machine)) tmpfs(program, at, '/var/run', `mode=755,size=${smallSize},nr_inodes=16k`)
}

/** Where it is no link to /run, services of this machine may have sockets in it. */
function hasVarRun({ files }: HostImage): boolean {
  return files.kind('/var/run') === 'directory'
}

/** What {@link ownFiles} made can be written no more, once all mount points in it are there. `covered`: another mount lies over it. */
export function sealFiles(program: Program, machine: HostImage, covered: (path: string) => boolean): void {
  for (const path of ['/tmp', '/run', ...(hasVarRun(machine) ? ['/var/run'] : [])])
    if (!covered(path)) sealTop(program, `make ${path} read-only`, path)
}

/** /dev: a new one for every container, with this machine's harmless devices; a privileged container has all. */
export function ownDevices(program: Program, at: At, machine: HostImage, privileged: boolean): void {
  tmpfs(program, at, '/dev', 'mode=755,size=64k,nr_inodes=4k')
  const { directories, devices } = privileged ? machine.allDevices() : { directories: [], devices: machine.devices }
  for (const name of directories) make(program, at(`/dev/${name}`), 'directory')
  for (const name of devices) {
    make(program, at(`/dev/${name}`), 'file')
    bind(program, `mount /dev/${name}`, `/dev/${name}`, at(`/dev/${name}`))
  }
  for (const name of ['pts', 'shm', 'mqueue']) make(program, at(`/dev/${name}`), 'directory')
  const terminals = 'newinstance,ptmxmode=0666,mode=0620'
  program.call('mount /dev/pts', 'mount', 'devpts', at('/dev/pts'), 'devpts', MS_NOSUID | MS_NOEXEC, terminals)
  tmpfs(program, at, '/dev/shm', `mode=1777,size=${smallSize},nr_inodes=16k`)
  const strict = MS_NOSUID | MS_NODEV | MS_NOEXEC
  program.attempt('mount /dev/mqueue', 'mount', 'mqueue', at('/dev/mqueue'), 'mqueue', strict, 0)
  for (const [name, to] of Object.entries(deviceLinks))
    program.call(`link /dev/${name}`, 'symlink', to, at(`/dev/${name}`))
}

function tmpfs(program: Program, at: At, path: string, options: string): void {
  program.call(`mount ${path}`, 'mount', 'tmpfs', at(path), 'tmpfs', MS_NOSUID | MS_NODEV, options)
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
const hiddenDirectories = ['/proc/acpi', '/proc/asound', '/proc/scsi']
const hiddenInSys = ['/sys/firmware', '/sys/devices/virtual/powercap']

/** /proc and /sys of the pod. What of the lists this machine's kernel has must be protected, or the container does not start. */
export function procAndSys(program: Program, at: At, machine: HostImage, privileged: boolean): void {
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
  const present = (path: string): boolean => machine.files.kind(path) !== undefined
  program.call('mount /proc', 'mount', 'proc', at('/proc'), 'proc', flags, 0)
  // A new sysfs shows this pod's devices; where the kernel refuses one, the machine's is better than none.
  program.attempt('mount /sys', 'mount', 'sysfs', at('/sys'), 'sysfs', flags | (privileged ? 0 : MS_RDONLY), 0)
  program.unless('look at /sys', 'openat', [AT_FDCWD, at('/sys/kernel'), O_PATH | O_CLOEXEC], (otherwise) => {
    otherwise.attempt('mount /sys', 'mount', '/sys', at('/sys'), 0, MS_BIND | MS_REC, 0)
    tryToRestrict(otherwise, 'mount /sys', at('/sys'), MOUNT_ATTR_RDONLY)
  })
  if (privileged) return
  for (const path of lookOnly.filter(present)) {
    bind(program, `protect ${path}`, at(path), at(path))
    restrict(program, `protect ${path}`, at(path), MOUNT_ATTR_RDONLY)
  }
  for (const path of hiddenFiles.filter(present))
    program.call(`hide ${path}`, 'mount', '/dev/null', at(path), 0, MS_BIND, 0)
  for (const path of hiddenDirectories.filter(present))
    program.call(`hide ${path}`, 'mount', 'tmpfs', at(path), 'tmpfs', flags | MS_RDONLY, 'size=0')
  // Read-only at least, and where even the machine's own could not be shown there is nothing to hide.
  for (const path of hiddenInSys.filter(present))
    program.attempt(`hide ${path}`, 'mount', 'tmpfs', at(path), 'tmpfs', flags | MS_RDONLY, 'size=0')
}
