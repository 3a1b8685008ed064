import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'

// Which process holds a socket stands only in its table of descriptors, /proc/PID/fd (proc_pid_fd(5)). So all processes are gone through
// once for all pods together, a few in each turn of the event loop.
const processesAtOnce = 16

export interface SocketOwner {
  readonly pid: number
  readonly process: string
  /** The mount namespace's inode: all processes of one container share it. */
  readonly mounts: number
}

/** By the sockets' inodes. `netns`: inodes of the network namespaces in which the sockets are; processes elsewhere are passed over. */
export async function ownersOf(
  inodes: ReadonlySet<number>,
  netns: ReadonlySet<number>,
): Promise<Map<number, SocketOwner>> {
  const owners = new Map<number, SocketOwner>()
  if (inodes.size === 0) return owners
  let looked = 0
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    look(pid, inodes, netns, owners)
    if (++looked % processesAtOnce === 0) await setImmediate()
  }
  return owners
}

/** The inode of one of a process's namespaces; undefined when it has ended, or may not be looked at. */
export function namespaceOf(pid: string | number, kind: 'net' | 'mnt'): number | undefined {
  return inodeOf(`/proc/${pid}/ns/${kind}`)
}

/** The inode behind a path such as `/proc/4711/ns/net`. */
export function inodeOf(path: string): number | undefined {
  return unlessGone(() => statSync(path).ino)
}

function look(
  pid: string,
  inodes: ReadonlySet<number>,
  netns: ReadonlySet<number>,
  owners: Map<number, SocketOwner>,
): void {
  unlessGone(() => {
    const net = namespaceOf(pid, 'net')
    if (net === undefined || !netns.has(net)) return
    let owner: SocketOwner | undefined
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const link = unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? ''
      const inode = link.startsWith('socket:[') ? Number(link.slice(8, -1)) : 0
      if (!inodes.has(inode) || owners.has(inode)) continue
      owner ??= { pid: Number(pid), process: programOf(pid), mounts: namespaceOf(pid, 'mnt') ?? 0 }
      owners.set(inode, owner)
    }
  })
}

/** The name by which it was started; a thread's own name (comm) would be Node's "MainThread". */
function programOf(pid: string): string {
  const [first = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  return first === '' ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : basename(first).slice(0, 40)
}

const gone = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

/** A process that ended meanwhile, or belongs to somebody else, has no sockets that could be told of. */
function unlessGone<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    if (gone.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
