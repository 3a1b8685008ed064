import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { ProcessRecord } from '../kernel/process.ts'
import type { PodId } from './paths.ts'

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
}

export interface RunRecord {
  id: string
  attempt: number
  shim: ProcessRecord
  init?: ProcessRecord
  startedAt: string
  image: string
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

/** In one step: a reader sees the old or the new record, never half of one. */
export function writeRecord(path: string, record: PodRecord): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** Every pod that an agent with this state directory has started and not removed. */
export function readRecords(stateDir: string, log: Log): PodRecord[] {
  const records: PodRecord[] = []
  for (const uid of list(join(stateDir, 'pods'))) {
    const path = join(stateDir, 'pods', uid, 'record.json')
    try {
      const record = JSON.parse(readFileSync(path, 'utf8')) as PodRecord
      if (record.version !== 1 || record.uid !== uid) throw new TypeError('this is the record of something else')
      records.push(record)
    } catch (error) {
      log.warn({ path, error: messageOf(error) }, 'the record of a pod cannot be read; the pod is started anew')
    }
  }
  return records
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
