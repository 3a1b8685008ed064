import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const pageSize = 4096
const present = 1n << 63n
const frame = (1n << 55n) - 1n

/**
 * Bytes of memory that these processes hold together, each page counted once, whoever else on the machine has it too. PSS gives a part of a page to
 * such others, so that it shrinks on a busy machine; this does not. undefined when this user may not know page frames (root may).
 */
export function heldBy(pids: readonly number[]): number | undefined {
  const frames = new Set<number>()
  for (const pid of pids) for (const number of framesOf(pid)) frames.add(number)
  // Without the right to see them, all frames read as 0.
  return frames.size > 1 ? frames.size * pageSize : undefined
}

function* framesOf(pid: number): Generator<number> {
  let smaps: string
  let fd: number
  try {
    smaps = readFileSync(`/proc/${pid}/smaps`, 'latin1')
    fd = openSync(`/proc/${pid}/pagemap`, 'r')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return
    throw error
  }
  try {
    for (const [, from = '', to = ''] of smaps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) .*\n(?:.*\n){1,3}?Rss: +[1-9]/gm)) {
      const [first, last] = [Number.parseInt(from, 16) / pageSize, Number.parseInt(to, 16) / pageSize]
      // Never a whole reserved range at once: some have many gigabytes.
      for (let at = first; at < last; at += chunk) yield* framesIn(fd, at, Math.min(chunk, last - at))
    }
  } finally {
    closeSync(fd)
  }
}

const chunk = 65_536
const buffer = Buffer.alloc(chunk * 8)

/** proc_pid_pagemap(5): 8 bytes a page. */
function* framesIn(fd: number, first: number, count: number): Generator<number> {
  const got = readSync(fd, buffer, 0, count * 8, first * 8)
  for (let at = 0; at + 8 <= got; at += 8) {
    const entry = buffer.readBigUInt64LE(at)
    if ((entry & present) !== 0n) yield Number(entry & frame)
  }
}
