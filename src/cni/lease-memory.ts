import { statSync } from 'node:fs'
import { type Cidr, formatCidr } from '../base/address.ts'
import { KernelError } from '../kernel/libc.ts'
import { type FolderWatch, openFolderWatch } from '../kernel/folder-watch.ts'
import { type LeaseFolder, readLeaseFolder, readName } from './lease-folder.ts'

// A process that is asked again and again need not read every address each time. The files stay the only truth: whoever changes one, this
// process or another, the kernel has queued a note of it before the change returns, and what is noted is read again before anything is used.

interface Known {
  readonly path: string
  /** The folder itself: another one may come to stand at its path. */
  readonly device: bigint
  readonly inode: bigint
  readonly range: string
  readonly folder: LeaseFolder
  /** Names whose files have changed since they were read. */
  readonly stale: Set<string>
}

interface Memory {
  readonly watch: FolderWatch
  /** By the watch's number. */
  readonly known: Map<number, Known>
}

/** More than a node has networks; a watch is memory of the kernel's. */
const mostFolders = 200
let memory: Memory | undefined

/** From now on `leaseFolder` remembers what it read, until disposed. Where the kernel has no watches left, everything stays as it was. */
export function rememberLeases(): Disposable {
  const own = openMemory()
  memory = own
  return {
    [Symbol.dispose]() {
      if (memory === own) memory = undefined
      own?.watch[Symbol.dispose]()
    },
  }
}

/** What is written down in `dir` now. */
export function leaseFolder(range: Cidr, dir: string): LeaseFolder {
  if (memory === undefined) return readLeaseFolder(range, dir)
  const { known } = memory
  look(memory)
  const at = statSync(dir, { bigint: true, throwIfNoEntry: false })
  const before = [...known].find(([, one]) => one.path === dir)
  if (before !== undefined) {
    const [id, one] = before
    if (one.inode === at?.ino && one.device === at.dev && one.range === formatCidr(range))
      return refreshed(memory, id, range, one)
    forget(memory, id)
  }
  if (at === undefined) return readLeaseFolder(range, dir)
  return learn(memory, range, dir, at)
}

function openMemory(): Memory | undefined {
  try {
    return { watch: openFolderWatch(), known: new Map() }
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}

/** The watch first: what changes while the files are read is read again the next time. */
function learn(own: Memory, range: Cidr, path: string, { dev, ino }: { dev: bigint; ino: bigint }): LeaseFolder {
  if (own.known.size >= mostFolders) for (const id of own.known.keys()) forget(own, id)
  let id: number
  try {
    id = own.watch.add(path)
  } catch (error) {
    if (error instanceof KernelError) return readLeaseFolder(range, path)
    throw error
  }
  const one: Known = {
    path,
    device: dev,
    inode: ino,
    range: formatCidr(range),
    folder: readLeaseFolder(range, path),
    stale: new Set(),
  }
  own.known.set(id, one)
  return one.folder
}

/** An object of a lease lives as long as what is written down: who holds one can still free it. */
function refreshed(own: Memory, id: number, range: Cidr, { folder, stale, path }: Known): LeaseFolder {
  try {
    for (const name of stale) if (readName(folder, range, path, name)) stale.delete(name)
    return folder
  } catch (error) {
    forget(own, id)
    throw error
  }
}

/** Notes what has changed since the last time. */
function look({ watch, known }: Memory): void {
  const { changes, ended, lost } = watch.changes()
  for (const { folder, name, there } of changes) {
    const stale = known.get(folder)?.stale
    // What was written beside and is gone again needs no look.
    if (!there && name.startsWith('.')) stale?.delete(name)
    else stale?.add(name)
  }
  for (const id of ended) known.delete(id)
  if (lost) for (const id of known.keys()) forget({ watch, known }, id)
}

function forget({ watch, known }: Memory, id: number): void {
  known.delete(id)
  watch.remove(id)
}
