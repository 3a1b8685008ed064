import { constants, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { pidsIn } from './files.ts'
import type { Place } from './groups.ts'
import { readHierarchies } from './hierarchy.ts'

/**
 * Who enters a control group when nobody has for a while waits for a grace period of RCU (cgroup_threadgroup_rwsem in kernel/cgroup/cgroup.c): 4 to 16 ms,
 * in which a container does not start. Who comes in the next ten does not wait, whatever group it is. The function that is returned takes that wait upon
 * this process, in the background: it enters the group that it is in already. Fulfilled when that is over; never rejects.
 */
export function entering(place: Place): () => Promise<void> {
  const own = ownGroup(place)
  if (own === undefined) return () => Promise.resolve()
  const file = join(own, 'cgroup.procs')
  const begun = ownGroups()
  let waiting: Promise<void> | undefined
  return () => {
    // Somebody has put this process elsewhere: there it stays.
    if (ownGroups() !== begun) return Promise.resolve()
    // Once for all who ask meanwhile.
    return (waiting ??= enter(file).finally(() => (waiting = undefined)))
  }
}

/** The directory of the group that this process is in, in a hierarchy that the place has. What a mount shows may be another one's. */
function ownGroup(place: Place): string | undefined {
  const used = Object.keys(place)
  if (used.length === 0) return undefined
  const found = readHierarchies().find(({ controllers }) => controllers.some((one) => used.includes(one)))
  return found && pidsIn(found.own).includes(process.pid) ? found.own : undefined
}

function ownGroups(): string {
  return readFileSync('/proc/self/cgroup', 'latin1')
}

async function enter(file: string): Promise<void> {
  try {
    await using opened = await open(file, constants.O_WRONLY)
    await opened.write('0')
  } catch {
    // In version 2 the own group may be somebody else's. Then a container waits, as it would have.
  }
}
