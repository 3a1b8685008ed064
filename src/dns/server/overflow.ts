import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Family } from '../../base/metrics/family.ts'
import { measured } from '../../base/metrics/number.ts'

/**
 * Questions that the kernel threw away because a socket of this process was full: more came than can be answered, and the server itself never saw them.
 * From /proc/net/udp (Documentation/networking/proc_net_tcp.rst): a socket's inode and its drops.
 */
export function overflowFamily(): Family {
  return measured(
    'counter',
    'kubehop_dns_udp_overflow_total',
    'Messages that were lost before they were read, because the socket was full.',
    () => {
      const own = ownSockets()
      let sum = 0
      for (const table of ['udp', 'udp6'])
        for (const line of readFileSync(`/proc/self/net/${table}`, 'latin1').split('\n').slice(1)) {
          const words = line.trim().split(/\s+/)
          if (own.has(words[9] ?? '')) sum += Number(words.at(-1))
        }
      return sum
    },
  )
}

/** By their inodes. */
function ownSockets(): Set<string> {
  const inodes = new Set<string>()
  for (const fd of readdirSync('/proc/self/fd')) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(fd))?.[1]
    if (inode !== undefined) inodes.add(inode)
  }
  return inodes
}

/** The one with which the folder was read is gone by now. */
function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
