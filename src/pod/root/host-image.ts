import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { covers, type FileView, hostRoot } from './mountplan.ts'

/** How `image: host` is set up on this node. */
export interface HostImageOptions {
  /** Directories that come first in PATH. */
  path?: string[]
  /** Shown read-only inside every container, wherever they lie here. */
  mounts?: { from: string; to: string }[]
  env?: Record<string, string>
  /** Directories that containers see empty: where keys and state lie. */
  mask?: string[]
}

/** This machine's files as the root of containers; read once per agent. */
export interface HostImage {
  entries: { name: string; kind: 'directory' | 'file' | 'link'; to?: string }[]
  /** Mount points of this machine, now: a layer over a directory with some inside cannot be an overlay. */
  mountPoints: () => string[]
  /** Names in /dev that a container gets. */
  devices: string[]
  /** All that a privileged container gets, now; and the directories that they lie in, outer ones first. */
  allDevices: () => { directories: string[]; devices: string[] }
  files: FileView
  path: string
  env: Record<string, string>
  mounts: { from: string; to: string }[]
  mask: string[]
}

/** PATH where nobody says another. */
export const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const devices = ['full', 'null', 'random', 'tty', 'urandom', 'zero']

export function hostImage(options: HostImageOptions = {}): HostImage {
  const entries: HostImage['entries'] = []
  for (const entry of readdirSync('/', { withFileTypes: true })) {
    if (hostRoot.own.includes(`/${entry.name}`)) continue
    const kind = kindOf(entry)
    if (kind === 'link') entries.push({ name: entry.name, kind, to: readlinkSync(`/${entry.name}`) })
    else if (kind !== 'other') entries.push({ name: entry.name, kind })
  }
  return {
    entries,
    mountPoints: readMountPoints,
    devices: devices.filter((name) => files.kind(join('/dev', name)) !== undefined),
    allDevices: () => devicesIn(''),
    files,
    path: [...(options.path ?? []), usualPath].join(':'),
    // The home directory of this machine's user is read-only here; programs that keep caches there get a place that is theirs.
    env: { HOME: '/tmp', ...options.env },
    mounts: (options.mounts ?? []).map(({ from, to }) => ({ from: realpathSync(from), to })),
    mask: (options.mask ?? []).map((path) => realpathSync(path)),
  }
}

/** Of /dev, without what every container has anew. */
function devicesIn(directory: string): { directories: string[]; devices: string[] } {
  const found: { directories: string[]; devices: string[] } = { directories: [], devices: [] }
  for (const entry of readdirSync(join('/dev', directory), { withFileTypes: true })) {
    const name = join(directory, entry.name)
    if (anew.includes(name)) continue
    if (entry.isCharacterDevice() || entry.isBlockDevice()) found.devices.push(name)
    if (!entry.isDirectory()) continue
    const below = devicesIn(name)
    if (below.devices.length === 0) continue
    found.directories.push(name, ...below.directories)
    found.devices.push(...below.devices)
  }
  return found
}
const anew = ['pts', 'shm', 'mqueue', 'fd', 'ptmx', 'console']

/** What of the masked directories lies in a directory of this machine, relative to it; `''` for the whole. */
export function maskedWithin(image: HostImage, directory: string): { inside: boolean; below: string[] } {
  return {
    inside: image.mask.some((mask) => covers(mask, directory)),
    below: image.mask
      .filter((mask) => mask !== directory && covers(directory, mask))
      .map((mask) => mask.slice(directory === '/' ? 1 : directory.length + 1)),
  }
}

const files: FileView = {
  kind(path) {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    return stat && kindOf(stat)
  },
  readlink: (path) => readlinkSync(path),
}

function kindOf(
  of: Pick<Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'>,
): 'directory' | 'file' | 'link' | 'other' {
  return of.isDirectory() ? 'directory' : of.isFile() ? 'file' : of.isSymbolicLink() ? 'link' : 'other'
}

/** proc_pid_mountinfo(5), field 5; white space and backslashes stand there as octal escapes. */
function readMountPoints(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  return lines.map((line) =>
    (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    ),
  )
}
