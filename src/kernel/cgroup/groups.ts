import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { killIn, removeTree, tryToRemove } from './ending.ts'
import { offer } from './offer.ts'
import { codeOf, entriesOf, pidsIn, textOf, writeIfThere } from './files.ts'
import { type Controller, controllers, type Hierarchy, readHierarchies } from './hierarchy.ts'
import { type Limits, settingsOf } from './settings.ts'

/** Where groups can be made: for each controller the version of its hierarchy and a directory in it. Plain data, to be written down. */
export type Place = Partial<Record<Controller, { version: 1 | 2; dir: string }>>

/** The group below which all others of this program are. */
const top = 'kubehop'

/** A place for groups called `name`; and why a controller has none. Makes nothing, but may switch controllers on for groups below. */
export function findPlace(name: string): { place: Place; missing: Partial<Record<Controller, string>> } {
  const hierarchies = readHierarchies()
  const place: Place = {}
  const missing: Partial<Record<Controller, string>> = {}
  for (const controller of controllers) {
    const hierarchy = hierarchies.find((one) => one.controllers.includes(controller))
    const found = hierarchy ? baseIn(hierarchy, controller) : 'this machine has no such controller mounted'
    if (typeof found === 'string') missing[controller] = found
    else place[controller] = { version: found.version, dir: join(found.dir, top, name) }
  }
  return { place, missing }
}

/**
 * In version 1 below the own group, so that what limits this process limits the groups, too. In version 2 a group with processes cannot give
 * controllers to groups below it, but for the root: so as far up as this user may write.
 */
function baseIn({ version, mount, own }: Hierarchy, controller: Controller): { version: 1 | 2; dir: string } | string {
  if (version === 1) return isWritable(own) ? { version, dir: own } : `${own} may not be written`
  let why = `${mount} may not be written`
  for (const dir of fromTop(mount, own)) {
    if (!isWritable(dir) || !isWritable(join(dir, 'cgroup.procs'))) continue
    const refused = offer(dir, controller)
    if (refused === undefined) return { version, dir }
    why = refused
  }
  return why
}

function fromTop(mount: string, own: string): string[] {
  const dirs: string[] = []
  for (let dir = own; dir.length >= mount.length && dir !== '/'; dir = dirname(dir)) dirs.unshift(dir)
  return dirs
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** A group of processes, in every hierarchy that the place has. */
export interface Group {
  /** Whoever writes `0` to each of them is in the group, with all processes that they start (cgroups(7)). */
  readonly entrances: readonly string[]
  /** Sets limits; those that are not named stay. Throws a KubehopError `Refused` with the kernel's word. */
  limit(limits: Limits): void
  /** How often the kernel ended a process for want of memory. */
  oomKills(): number
  /** Bytes; undefined where memory is not counted. */
  memory(): number | undefined
  pids(): number[]
  /** Ends what is in it, and lets nothing more be started in it. What cannot be ended now `remove` waits for. */
  kill(): void
  /** Ends what is in it, and removes it with all groups below. Fulfilled when it is gone; fine when it was. */
  remove(): Promise<void>
}

/** The group with a path below the place (`uid/container`), made where it is not there. `fresh`: nothing of it was. */
export function makeGroup(place: Place, path: string): { group: Group; fresh: boolean } {
  const parts = path.split('/')
  let fresh = true
  for (const { version, dir } of hierarchiesOf(place)) {
    // In version 2 each level gives its controllers to the next; the place itself is the first.
    const wanted = controllers.filter((one) => place[one]?.dir === dir)
    if (mkdirSync(join(dir, path), { recursive: true, mode: 0o755 }) === undefined) fresh = false
    if (version === 1) continue
    for (let count = 0; count < parts.length; count++)
      for (const controller of wanted) {
        const refused = offer(join(dir, ...parts.slice(0, count)), controller)
        if (refused !== undefined) throw new KubehopError('kernel', 'cgroup', 'Refused', refused)
      }
  }
  return { group: openGroup(place, path), fresh }
}

export function openGroup(place: Place, path: string): Group {
  const dirs = hierarchiesOf(place).map(({ dir }) => join(dir, path))
  const at = (controller: Controller, file: string): string | undefined =>
    place[controller] && join(place[controller].dir, path, file)
  return {
    entrances: dirs.map((dir) => join(dir, 'cgroup.procs')),
    limit(limits) {
      for (const controller of controllers) {
        const one = place[controller]
        if (one)
          for (const [file, text] of settingsOf(one.version, controller, limits)) put(join(one.dir, path, file), text)
      }
    },
    oomKills() {
      const file = at('memory', place.memory?.version === 2 ? 'memory.events' : 'memory.oom_control')
      return file === undefined ? 0 : Number(/^oom_kill (\d+)$/m.exec(textOf(file))?.[1] ?? 0)
    },
    memory() {
      const file = at('memory', place.memory?.version === 2 ? 'memory.current' : 'memory.usage_in_bytes')
      const text = file === undefined ? '' : textOf(file)
      return text === '' ? undefined : Number(text)
    },
    pids: () => [...new Set(dirs.flatMap(pidsIn))],
    kill() {
      forbidForks(place, path)
      const told = new Set<number>()
      for (const dir of dirs) killIn(dir, told)
    },
    async remove() {
      forbidForks(place, path)
      await Promise.all(dirs.map(removeTree))
    },
  }
}

/** Names of the groups directly at the place. */
export function groupsAt(place: Place): string[] {
  const names = hierarchiesOf(place).flatMap(({ dir }) => entriesOf(dir))
  return [...new Set(names.filter((entry) => entry.isDirectory()).map(({ name }) => name))]
}

/** All that was made at the place, and what is above it and empty then. */
export async function removePlace(place: Place): Promise<void> {
  forbidForks(place, '')
  for (const { dir } of hierarchiesOf(place)) {
    await removeTree(dir)
    for (let above = dirname(dir); tryToRemove(above) && basename(above) !== top; ) above = dirname(above)
  }
}

/** Each directory once: several controllers may share a hierarchy. */
function hierarchiesOf(place: Place): { version: 1 | 2; dir: string }[] {
  const all = controllers.flatMap((controller) => place[controller] ?? [])
  return all.filter(({ dir }, index) => all.findIndex((other) => other.dir === dir) === index)
}

function put(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    // Swap may not be counted on this kernel: then there is nothing to forbid. One before 4.19 ends processes one by one.
    if (mayLack.includes(basename(file)) && !existsSync(file)) return
    // In version 1 a group may not be given more than the one above it; that one's quota holds it anyway.
    if (basename(file) === 'cpu.cfs_quota_us' && codeOf(error) === 'EINVAL') return
    throw new KubehopError('kernel', 'cgroup', 'Refused', `cannot write ${text} to ${file}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

const mayLack = ['memory.swap.max', 'memory.memsw.limit_in_bytes', 'memory.oom.group']

/** From here on no process in the group, or in one below, can start another: those that are there can be told to end without a race. */
function forbidForks({ pids }: Place, path: string): void {
  if (pids) writeIfThere(join(pids.dir, path, 'pids.max'), '0')
}
