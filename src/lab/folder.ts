import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../base/errors.ts'
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
  created: string
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
export const kubeconfigOf = (name: string): string => join(folderOf(name), 'kubeconfig')
export const logOf = (name: string): string => join(folderOf(name), 'log')

/** Makes a lab's folder, readable for its user only; false when it is there already. Creating it is the lock between two starts. */
export function makeFolder(name: string): boolean {
  mkdirSync(stateRoot(), { recursive: true, mode: 0o700 })
  try {
    mkdirSync(folderOf(name), { mode: 0o700 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new KubehopError(
      'lab',
      'make its folder',
      'NoFolder',
      `cannot make ${folderOf(name)}: ${(error as Error).message}; set KUBEHOP_STATE to a folder of yours`,
      { cause: error },
    )
  }
}

export function writeRecord(record: LabRecord): void {
  const path = join(folderOf(record.name), 'lab.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export function readRecord(name: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folderOf(name), 'lab.json'), 'utf8')) as LabRecord
  } catch {
    // No record, or one that a full disk cut short: the folder is what is left of a start that failed.
    return undefined
  }
}

/** Names of all labs of this user that left a folder, running or not. */
export function allLabs(): string[] {
  const root = stateRoot()
  return existsSync(root)
    ? readdirSync(root, { withFileTypes: true })
        .flatMap((entry) => (entry.isDirectory() ? entry.name : []))
        .sort()
    : []
}

/** Whether the lab's own process, not just one with its number, is there. */
export function isRunning(record: LabRecord): boolean {
  return startedAt(record.outside.pid) === record.outside.started
}

/** Removes a lab's folder, and the root when it was the last. A container may have left folders without rights for their owner. */
export function removeFolder(name: string): void {
  const folder = folderOf(name)
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    openUp(folder)
    rmSync(folder, { recursive: true, force: true })
  }
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
