import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { ProcessRecord } from '../kernel/process.ts'
import type { Identity } from './container/identity.ts'
import { namesIn, type PodId } from './paths.ts'

/** What an agent must know to go on with pods that another one started. Written before anything depends on it. */
export interface PodRecord extends PodId {
  version: 1
  sandbox?: SandboxRecord
  /** How many sandboxes there were before this one. */
  sandboxes: number
  startTime: string
  containers: Record<string, ContainerRecord>
}

export interface SandboxRecord {
  id: string
  pause: ProcessRecord
  address?: string
  hostDevice?: string
}

export interface ContainerRecord {
  restarts: number
  /** The instance that was started last, running or not. */
  run?: RunRecord
  /** The end of that instance, or undefined while it runs or its end was not noted. */
  ended?: Ending
  /** The end of the instance before. */
  last?: Ending
  /** What an image brought into the instance that {@link ended} is of. */
  from?: RunOrigin
  /** That instance was one of an earlier sandbox. */
  earlier?: true
}

export interface RunRecord {
  id: string
  attempt: number
  shim: ProcessRecord
  init?: ProcessRecord
  /** The mount namespace that it began in, as `/proc/PID/ns/mnt` has it; of those that see more processes than their own. */
  mounts?: string
  startedAt: string
  /** As the spec has it. */
  image: string
  from?: RunOrigin
}

/** What an image brought into an instance. */
export interface RunOrigin {
  /** The image's whole name, and its id, as a pod's status has them. */
  name: string
  id: string
  cwd: string
  identity: Identity
  /** The signal that the image wants to be ended by. */
  stopSignal?: number
}

/** How an instance ended. */
export interface Ending {
  id: string
  exitCode: number
  signal?: number
  reason: string
  message?: string
  startedAt: string
  finishedAt: string
}

/** Past this size the file is written anew instead of getting one more line. */
const maxFile = 256 * 1024

/**
 * Adds the record as a line: the last whole line counts. Much cheaper than replacing the file, which some file systems (ext4's
 * auto_da_alloc) answer by waiting for the disk.
 */
export function writeRecord(path: string, text: string): void {
  const line = `${text}\n`
  const known = statSync(path, { throwIfNoEntry: false })
  if (known && known.size + line.length <= maxFile) return appendFileSync(path, line)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(`${path}.new`, line, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** Every pod that an agent with this state directory has started and not removed. */
export function readRecords(stateDir: string, log: Log): PodRecord[] {
  const records: PodRecord[] = []
  for (const uid of namesIn(join(stateDir, 'pods'))) {
    const path = join(stateDir, 'pods', uid, 'record')
    try {
      // What stands behind the last newline was being written when the agent died.
      const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
      const record = JSON.parse(lines.at(-1) ?? '') as PodRecord
      if (record.version !== 1 || record.uid !== uid) throw new TypeError('this is the record of something else')
      records.push(record)
    } catch (error) {
      log.warn({ path, error: messageOf(error) }, 'the record of a pod cannot be read; the pod is started anew')
    }
  }
  return records
}
