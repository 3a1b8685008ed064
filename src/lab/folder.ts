import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Place } from '../kernel/cgroup/groups.ts'
import { lockFolder } from '../kernel/lock.ts'
import { type ProcessRecord, startedAt } from '../kernel/process.ts'

/** What a lab left on disk about itself; everything else is asked of its API. */
export interface LabRecord {
  name: string
  /** The native process outside that stands for the whole lab. */
  outside: ProcessRecord
  /** The lab's first process, by its pid outside: when it has ended, every process of the lab has. */
  init: ProcessRecord
  nodes: number
  podCidr: string
  serviceCidr: string
  nodeCidr: string
  apiPort: number
  /** Where each node's own resolver is asked, in a lab that has them. */
  nodeDns?: string
  created: string
  /** Where its containers' control groups are. */
  groups?: Place
}

/** Where labs live: KUBEHOP_STATE, /run/kubehop for root, the user's runtime directory, or a folder of the user's in /tmp. */
export function stateRoot(): string {
  const chosen = process.env['KUBEHOP_STATE']
  if (chosen) return chosen
  const uid = process.getuid?.() ?? 0
  if (uid === 0) return '/run/kubehop'
  const runtime = process.env['XDG_RUNTIME_DIR']
  return runtime && existsSync(runtime) ? join(runtime, 'kubehop') : `/tmp/kubehop-${uid}`
}

export const folderOf = (name: string): string => join(stateRoot(), name)
/** The images that all labs of this user share. No lab can be called so. */
export const sharedImages = (root: string = stateRoot()): string => join(root, '.images')
export const kubeconfigOf = (name: string): string => join(folderOf(name), 'kubeconfig')
/** The DNS server's configuration, in a lab that was given one. */
export const dnsConfigIn = (folder: string): string => join(folder, 'dns.yaml')
export const logOf = (name: string): string => join(folderOf(name), 'log')

/** Only one command at a time decides which labs there are. Held while `body` runs, which must be quick. */
export function alone<T>(body: () => T): T {
  const root = stateRoot()
  let lock: Disposable
  try {
    lock = lockFolder(root, 0o700)
  } catch (error) {
    throw unusable(error)
  }
  try {
    return body()
  } finally {
    lock[Symbol.dispose]()
  }
}

function unusable(cause: unknown): KubehopError {
  const say = `cannot use ${stateRoot()}: ${messageOf(cause)}; set KUBEHOP_STATE to a folder of yours with some space`
  return new KubehopError('lab', 'make its folder', 'NoFolder', say, { cause })
}

/**
 * A lab of another user is theirs alone: its folder cannot even be looked into.
 * @throws KubehopError `OtherUser`.
 */
export function needOwn(name: string): void {
  const owner = strangerOf(name)
  if (owner === undefined) return
  const say = `lab "${name}" in ${stateRoot()} belongs to another user (uid ${owner}), who alone may use or end it: for labs of your own set KUBEHOP_STATE to a folder of yours`
  throw new KubehopError('lab', 'read its folder', 'OtherUser', say)
}

/** The uid of another user whose lab it is; undefined: it is this user's, or there is none. Nobody keeps root out. */
export function strangerOf(name: string): number | undefined {
  const uid = process.geteuid?.() ?? 0
  if (uid === 0) return undefined
  try {
    const owner = statSync(folderOf(name), { throwIfNoEntry: false })?.uid
    return owner === uid ? undefined : owner
  } catch (error) {
    throw unusable(error)
  }
}

/** A lab's folder, readable for its user only, with a note who is starting the lab; in place of another one. Returns the note. */
export function makeFolder(name: string): string {
  const note = `${process.pid} ${startedAt(process.pid)} ${randomBytes(8).toString('hex')}`
  clear(folderOf(name))
  try {
    mkdirSync(folderOf(name), { mode: 0o700 })
    writeFileSync(noteOf(name), note, { mode: 0o600 })
  } catch (error) {
    clear(folderOf(name))
    throw unusable(error)
  }
  return note
}

export function dropNote(name: string): void {
  rmSync(noteOf(name), { force: true })
}

/** Tells one folder from a later one of the same name; undefined when there is none, or its lab is being ended. */
export function noteIn(name: string): string | undefined {
  return existsSync(noteOf(name)) ? readFileSync(noteOf(name), 'utf8') : undefined
}

/** The pid of the command that made the folder, while it is still at work. */
export function starterOf(name: string): number | undefined {
  const note = noteIn(name)
  if (note === undefined) return undefined
  const [pid, started] = note.split(' ')
  return startedAt(Number(pid)) === started ? Number(pid) : undefined
}

const noteOf = (name: string): string => join(folderOf(name), 'starting')

export function writeRecord(record: LabRecord): void {
  const path = join(folderOf(record.name), 'lab.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** @throws KubehopError `OtherUser`. */
export function readRecord(name: string): LabRecord | undefined {
  needOwn(name)
  try {
    return JSON.parse(readFileSync(join(folderOf(name), 'lab.json'), 'utf8')) as LabRecord
  } catch {
    // No record, or one that a full disk cut short: the folder is what is left of a start that failed.
    return undefined
  }
}

/** Names of all labs that left a folder here, running or not; where several users share the place, also theirs. */
export function allLabs(): string[] {
  const root = stateRoot()
  if (!existsSync(root)) return []
  try {
    const entries = readdirSync(root, { withFileTypes: true })
    // What begins with a dot is no lab: the images that all of them share.
    return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? entry.name : [])).sort()
  } catch (error) {
    throw unusable(error)
  }
}

/** Whether the lab's own process, not just one with its number, is there. */
export function isRunning(record: LabRecord): boolean {
  return startedAt(record.outside.pid) === record.outside.started
}

/** Removes a lab's folder, and the root when it was the last; not the folder of a lab that was started under the name meanwhile. */
export function removeFolder(name: string, note: string | undefined): void {
  if (!existsSync(stateRoot())) return
  alone(() => {
    if (noteIn(name) === note) clear(folderOf(name))
    removeRoot()
  })
}

/** Removes the folder of all labs when nothing is in it. */
export function dropRoot(): void {
  if (existsSync(stateRoot())) alone(removeRoot)
}

/** A container may have left folders without rights for their owner. */
function clear(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    openUp(folder)
    rmSync(folder, { recursive: true, force: true })
  }
}

function removeRoot(): void {
  try {
    rmdirSync(stateRoot())
  } catch (error) {
    // Another lab lives there, or another call was faster.
    if (!['ENOTEMPTY', 'ENOENT', 'EBUSY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function openUp(folder: string): void {
  chmodSync(folder, 0o700)
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) openUp(join(folder, entry.name))
}
