import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { HostsConfig } from '../config/config.ts'
import { readWhole, watchFile } from '../config/watch.ts'
import { type HostsLine, HostsTable, readHosts } from './table.ts'

/** Names with addresses of one's own, as they are now. */
export interface Hosts {
  readonly table: HostsTable
  /** Seconds. */
  readonly ttl: number
  /** When the file was read last, in seconds since 1970. undefined: there is none, or none yet. */
  readonly readAt?: number | undefined
  close(): void
}

/** The entries of the configuration and the file's. A file that cannot be read is told, and what was read of it last stays. */
export function openHosts({ entries, file, ttl }: HostsConfig, log: Log): Hosts {
  const own = entries.map((entry, at): HostsLine => ({ ...entry, from: `hosts entry ${at + 1}` }))
  let table = new HostsTable(own)
  if (file === undefined) return { table, ttl, close: () => {} }

  let readAt: number | undefined
  const take = (text: string): void => {
    const { lines, wrong } = readHosts(text, file)
    for (const what of wrong) log.warn({ what }, 'left out of the hosts file')
    table = new HostsTable([...own, ...lines])
    readAt = Date.now() / 1000
    log.info({ file, lines: lines.length }, 'read the hosts file')
  }
  const watch = watchFile(readFirst(file, take), {
    path: file,
    onChange: take,
    onGone: (error) => log.warn({ file, error: messageOf(error) }, 'the hosts file cannot be read'),
    onBlind: (error) => log.warn({ file, error: messageOf(error) }, 'changes of the hosts file are not seen'),
  })
  return {
    get table() {
      return table
    },
    get readAt() {
      return readAt
    },
    ttl,
    close: () => watch.close(),
  }
}

/** When there is none yet, or it cannot be read, the watch tells so. */
function readFirst(file: string, take: (text: string) => void): string {
  let text: string
  try {
    text = readWhole(file)
  } catch {
    return ''
  }
  take(text)
  return text
}
