import type { FileHandle } from 'node:fs/promises'
import { parseEntry } from './format.ts'

const chunkSize = 64 * 1024
const newline = 0x0a

/** Whole entries from `at` on, to `until` or the end, many at a time, and where they end; an unfinished one is left for the next time. */
export async function* entriesFrom(
  file: FileHandle,
  at: number,
  until: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<{ entries: Buffer[]; end: number }> {
  let rest: Buffer = Buffer.alloc(0)
  let position = at
  for (;;) {
    const from = position + rest.length
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkSize), 0, Math.min(chunkSize, until - from), from)
    if (bytesRead === 0) return
    const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    const entries: Buffer[] = []
    let start = 0
    for (let stop = data.indexOf(newline); stop >= 0; stop = data.indexOf(newline, start)) {
      entries.push(data.subarray(start, stop))
      start = stop + 1
    }
    position += start
    rest = data.subarray(start)
    if (entries.length > 0) yield { entries, end: position }
  }
}

/**
 * Where the last `count` printed lines of a file begin; or, when it has fewer, how many are missing. `newest`: nothing follows it, so that a
 * line without an end counts too.
 */
export async function tailStart(
  file: FileHandle,
  count: number,
  newest: boolean,
): Promise<{ at: number } | { missing: number; empty: boolean }> {
  const { size } = await file.stat()
  let missing = count
  let last = newest
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkSize)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
    const data = buffer.subarray(0, bytesRead)
    // What lies before the first newline belongs to an entry that the next round sees whole.
    const cut = start === 0 ? 0 : data.indexOf(newline) + 1
    for (let to = data.lastIndexOf(newline); to >= cut; ) {
      const from = to === 0 ? 0 : data.lastIndexOf(newline, to - 1) + 1
      const partial = parseEntry(data.subarray(from, to))?.partial === true
      if ((!partial || last) && missing-- === 0) return { at: start + to + 1 }
      last = false
      to = from - 1
    }
    if (cut === 0) break
    end = start + cut
  }
  return { missing, empty: last === newest && newest }
}
