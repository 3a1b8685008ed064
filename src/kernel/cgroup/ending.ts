import { rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../../base/errors.ts'
import { openProcess, SIGNALS } from '../process.ts'
import { codeOf, entriesOf, isGone, pidsIn, writeIfThere } from './files.ts'

/** Where forks cannot be forbidden new ones may come faster than they can be told. */
const mostRounds = 50
/** Processes that are held at once: each takes a descriptor. */
const batch = 128

/** Until nobody is there who was not told, here or in another hierarchy: one may be starting another just now. */
export function killIn(dir: string, told: Set<number> = new Set<number>()): void {
  if (writeIfThere(join(dir, 'cgroup.kill'), '1')) return
  for (let round = 0; round < mostRounds; round++) {
    const fresh = pidsIn(dir).filter((pid) => !told.has(pid))
    if (fresh.length === 0) return
    for (let at = 0; at < fresh.length; at += batch) killThose(dir, fresh.slice(at, at + batch))
    for (const pid of fresh) told.add(pid)
  }
}

function killThose(dir: string, pids: readonly number[]): void {
  const held = pids.flatMap((pid) => openProcess(pid) ?? [])
  // Before it was held, a number may have gone to a process of somebody else.
  const still = new Set(pidsIn(dir))
  for (const process of held) {
    if (still.has(process.pid)) process.signal(SIGNALS.KILL)
    process.close()
  }
}

const patienceMs = 5000
const pauseMs = 5

export async function removeTree(dir: string): Promise<void> {
  for (const entry of entriesOf(dir)) if (entry.isDirectory()) await removeTree(join(dir, entry.name))
  const deadline = Date.now() + patienceMs
  while (!tryToRemove(dir)) {
    const left = deadline - Date.now()
    if (left <= 0)
      throw new KubehopError('kernel', 'cgroup', 'Busy', `${dir} cannot be removed: something in it does not end`)
    killIn(dir)
    const [first] = pidsIn(dir)
    // Nobody tells when the last of a group has been reaped, or when one ends that this PID namespace does not see.
    await (first === undefined ? pause(pauseMs) : ended(first, left))
  }
}

/** Fulfilled when a process has ended, or after so many milliseconds: one may hang in the kernel, where no signal reaches it. */
async function ended(pid: number, ms: number): Promise<void> {
  const process = openProcess(pid)
  // It waits to be reaped.
  if (!process) return pause(pauseMs)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([process.ended, late])
  clearTimeout(timer)
  process.close()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** True when it is gone; false when something is in it. */
export function tryToRemove(dir: string): boolean {
  try {
    rmdirSync(dir)
    return true
  } catch (error) {
    if (isGone(error)) return true
    if (['EBUSY', 'ENOTEMPTY'].includes(codeOf(error))) return false
    throw error
  }
}
