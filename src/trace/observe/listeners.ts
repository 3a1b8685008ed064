import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { addressFromBytes } from '../../base/address.ts'
import { inNetns, type Netns, ownNetns, sameNetns } from '../../kernel/netns.ts'
import { waitingSockets } from '../../kernel/sockdiag/waiting.ts'
import type { Listener } from '../observation.ts'

// /proc/net/tcp and its siblings (proc_pid_net(5)): addresses in hexadecimal, each 32-bit word in the machine's byte order.
const LISTEN = '0A'
const tables = [
  ['tcp', 'tcp'],
  ['tcp6', 'tcp'],
  ['udp', 'udp'],
  ['udp6', 'udp'],
] as const
const most = 256

/** Every socket in the namespace that waits for connections or datagrams, and whose it is where that can be seen. */
export function listeners(ns: Netns | undefined): Listener[] {
  const found: (Listener & { inode: string })[] = []
  inNetns(ns, () => {
    for (const [file, protocol] of tables)
      found.push(...parseTable(readFileSync(`/proc/thread-self/net/${file}`, 'latin1'), protocol))
  })
  // SCTP's are in no table of /proc that every kernel has; one without SCTP has none.
  for (const { protocol, address, port, inode } of waitingSockets(ns).sockets)
    if (protocol === 'sctp') found.push({ protocol, address, port, inode: String(inode) })
  found.length = Math.min(found.length, most)
  const owners = found.length === 0 ? new Map<string, Owner>() : ownersOf(ns, new Set(found.map(({ inode }) => inode)))
  return found.map(({ inode, ...listener }) => ({ ...listener, ...owners.get(inode) }))
}

/** Lines of one table that stand for a waiting socket. */
export function parseTable(text: string, protocol: 'tcp' | 'udp'): (Listener & { inode: string })[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const [hex = '', port = ''] = local.split(':')
      // A UDP socket that was connected hears one partner only.
      const waits = protocol === 'tcp' ? state === LISTEN : remote.endsWith(':0000')
      if (!waits || (hex.length !== 8 && hex.length !== 32)) return []
      const bytes = Buffer.from(hex, 'hex').swap32()
      return [{ protocol, address: addressFromBytes(bytes), port: Number.parseInt(port, 16), inode }]
    })
}

interface Owner {
  pid: number
  process: string
}

/** Which process holds a socket stands only in its table of descriptors: /proc/PID/fd. */
function ownersOf(of: Netns | undefined, inodes: ReadonlySet<string>): Map<string, Owner> {
  const ns = of ?? ownNetns
  const owners = new Map<string, Owner>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || owners.size === inodes.size) continue
    try {
      if (!sameNetns(ns, `/proc/${entry}/ns/net`)) continue
      for (const fd of readdirSync(`/proc/${entry}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${entry}/fd/${fd}`))?.[1]
        if (inode !== undefined && inodes.has(inode) && !owners.has(inode))
          owners.set(inode, { pid: Number(entry), process: programOf(entry) })
      }
    } catch (error) {
      // It ended meanwhile, or belongs to somebody else: then the socket is told without its process.
      if (!gone.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  return owners
}

/** The name by which it was started; a thread's own name (comm) would be Node's "MainThread". */
function programOf(pid: string): string {
  const [first = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  return first === '' ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : basename(first).slice(0, 40)
}

const gone = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (gone.has((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
