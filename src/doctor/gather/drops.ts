import { readFileSync } from 'node:fs'
import { inNetns, type Netns } from '../../kernel/netns.ts'
import type { DropFact } from '../facts.ts'

/** Counters of /proc/net that mean packets thrown away, by table and column, in words. */
const counters: readonly (readonly [table: string, column: string, what: string])[] = [
  ['TcpExt', 'ListenOverflows', 'connections refused in silence: the queue of a listening socket was full'],
  ['Ip', 'InAddrErrors', 'packets to an address that is not this machine’s, while it forwards none'],
  ['Ip', 'OutNoRoutes', 'packets to where no route leads'],
  ['Ip', 'FragFails', 'packets too long for the next link, and not to be cut'],
  ['IpExt', 'InNoRoutes', 'packets from elsewhere to where no route leads'],
  ['conntrack', 'drop', 'new connections without a place in the connection table'],
  ['conntrack', 'insert_failed', 'connections that another one had taken the place of'],
]

/** Those that are not 0, since the namespace was made. */
export function readDrops(ns: Netns | undefined): DropFact[] {
  return inNetns(ns, () => {
    const tables = new Map([...readPairs('netstat'), ...readPairs('snmp'), ['conntrack', readConntrack()] as const])
    return counters.flatMap(([table, column, what]) => {
      const packets = tables.get(table)?.get(column) ?? 0
      return packets > 0 ? [{ what: `${table} ${column}: ${what}`, packets }] : []
    })
  })
}

/** Two lines a table, names and numbers: `TcpExt: SyncookiesSent ...`, `TcpExt: 0 ...` (proc_pid_net(5)). */
function readPairs(file: 'netstat' | 'snmp'): Map<string, Map<string, number>> {
  const lines = readFileSync(`/proc/thread-self/net/${file}`, 'latin1').trim().split('\n')
  const tables = new Map<string, Map<string, number>>()
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [title = '', ...names] = (lines[at] ?? '').split(' ')
    const numbers = (lines[at + 1] ?? '').split(' ').slice(1).map(Number)
    tables.set(title.replace(':', ''), new Map(names.map((name, column) => [name, numbers[column] ?? 0])))
  }
  return tables
}

/** A line of hexadecimal numbers for each processor, under one line of names. */
function readConntrack(): Map<string, number> {
  const [head = '', ...rows] = readFileSync('/proc/thread-self/net/stat/nf_conntrack', 'latin1').trim().split('\n')
  const sums = new Map<string, number>()
  for (const row of rows) {
    const numbers = row.trim().split(/\s+/)
    for (const [column, name] of head.trim().split(/\s+/).entries())
      sums.set(name, (sums.get(name) ?? 0) + Number.parseInt(numbers[column] ?? '0', 16))
  }
  return sums
}
