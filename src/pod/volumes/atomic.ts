import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Payload } from './payload.ts'

const current = '..data'

/**
 * Makes a directory hold exactly these files, all of them in one step, as kubelet's atomic writer does: the files lie in `..<time>`, the link
 * `..data` points there, and `name` links to `..data/name`. A program that reads two files sees both of the old or both of the new
 * ones. `group`: they are that group's to read, too (fsGroup). Returns whether anything changed.
 */
export function writeAtomically(directory: string, payload: Payload, group?: number): boolean {
  const own = (path: string, mode: number, uid?: number): void => {
    if (group !== undefined || uid !== undefined) giveTo(path, uid, group)
    chmodSync(path, mode)
  }
  const folderMode = group === undefined ? 0o755 : 0o2755
  const makeFolder = (path: string): void => {
    const first = mkdirSync(path, { recursive: true, mode: 0o755 })
    if (first === undefined) return
    for (let at = path; at.length >= first.length; at = dirname(at)) own(at, folderMode)
  }
  mkdirSync(directory, { recursive: true })
  own(directory, folderMode)
  const old = linkIn(directory)
  if (old !== undefined && same(join(directory, old), payload, group)) return false
  const fresh = `..${new Date().toISOString().replace(/\D/g, '_').slice(0, 19)}.${randomBytes(4).readUInt32LE(0)}`
  for (const [path, { bytes, mode, uid }] of payload) {
    const file = join(directory, fresh, path)
    makeFolder(dirname(file))
    writeFileSync(file, bytes, { mode: 0o600 })
    own(file, modeOf(mode, group), uid)
  }
  makeFolder(join(directory, fresh))
  const next = join(directory, '..data_tmp')
  rmSync(next, { force: true })
  symlinkSync(fresh, next)
  renameSync(next, join(directory, current))
  const names = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? ''))
  for (const name of names) {
    const link = join(directory, name)
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync(join(current, name), link)
  }
  for (const name of readdirSync(directory)) {
    const keep = name === current || name === fresh || names.has(name)
    if (!keep) rmSync(join(directory, name), { recursive: true, force: true })
  }
  return true
}

function linkIn(directory: string): string | undefined {
  const link = join(directory, current)
  return lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(link) : undefined
}

function giveTo(path: string, uid: number | undefined, group: number | undefined): void {
  try {
    chownSync(path, uid ?? process.getuid?.() ?? 0, group ?? process.getgid?.() ?? 0)
  } catch (error) {
    // A user who does not exist here is refused where their container is made, with the remedy.
    if (uid === undefined || (error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  }
}

function modeOf(mode: number, group: number | undefined): number {
  return (mode & 0o777) | (group === undefined ? 0 : readableByGroup)
}
/** k8s.io/kubernetes/pkg/volume/volume_linux.go, roMask */
const readableByGroup = 0o440

function same(directory: string, payload: Payload, group: number | undefined): boolean {
  if (!lstatSync(directory, { throwIfNoEntry: false })) return false
  const there = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  if (there.length !== payload.size) return false
  for (const [path, { bytes, mode }] of payload) {
    const file = join(directory, path)
    const stat = lstatSync(file, { throwIfNoEntry: false })
    if (!stat?.isFile() || stat.size !== bytes.length || (stat.mode & 0o777) !== modeOf(mode, group)) return false
    if (!readFileSync(file).equals(bytes)) return false
  }
  return true
}
