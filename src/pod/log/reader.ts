import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { KubehopError } from '../../base/errors.ts'
import { Changes } from './changes.ts'
import { nanoTimeOf, parseEntry, type StreamName } from './format.ts'
import { entriesFrom, tailStart } from './lines.ts'
import { filesOf, identityOf } from './rotation.ts'
import type { LogWriter } from './writer.ts'

/** The options of the API's `/log` (PodLogOptions). */
export interface LogOptions {
  follow?: boolean
  tailLines?: number
  /** The instance before the last restart. */
  previous?: boolean
  sinceSeconds?: number
  /** RFC 3339; only one of the two. */
  sinceTime?: string
  limitBytes?: number
  timestamps?: boolean
  /** Only what was printed to one of them. */
  stream?: StreamName
  /** Goes on where another reading, with the same options, was broken off: where that began, and how many bytes it gave. */
  resume?: { from: LogPosition; skip: number }
  /** Called once the beginning is known; with nothing when there is nothing. */
  onBegin?: (from: LogPosition | undefined) => void
}

/** A place in a log: the file may have been put aside meanwhile, and is the same. */
export interface LogPosition {
  /** Of a file: see identityOf. */
  id: string
  at: number
}

/** What a container printed, as text. With `follow`, ends when the container does. `writer` is the one that still writes, if any. */
export function readLog(path: string, options: LogOptions, writer: LogWriter | undefined): Readable {
  const abort = new AbortController()
  const text = bounded(texts(path, options, writer, abort.signal), options.limitBytes)
  const stream = Readable.from(without(text, options.resume?.skip ?? 0), { objectMode: false })
  stream.once('close', () => abort.abort())
  return stream
}

async function* bounded(source: AsyncIterable<Buffer>, limit = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  let left = limit
  for await (const text of source) {
    yield text.length > left ? text.subarray(0, left) : text
    left -= text.length
    if (left <= 0) return
  }
}

async function* without(source: AsyncIterable<Buffer>, skip: number): AsyncGenerator<Buffer> {
  let left = skip
  for await (const text of source) {
    if (text.length > left) yield text.subarray(left)
    left = Math.max(0, left - text.length)
  }
}

async function* texts(
  path: string,
  options: LogOptions,
  writer: LogWriter | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const begin = options.resume ? await resumed(path, options.resume.from) : await beginning(path, options.tailLines)
  // A container that could not be started never printed anything.
  if (!begin) return options.onBegin?.(undefined)
  options.onBegin?.({ id: identityOf(await begin.file.stat()), at: begin.at })
  const text = textOf(options)
  let { file, at } = begin
  // What is printed between finding the last lines and reading them is not of them.
  let left = options.follow === true ? Number.POSITIVE_INFINITY : (options.tailLines ?? Number.POSITIVE_INFINITY)
  // Without following, a log that grows faster than it is read has an end all the same: where it ended at first.
  const stop = options.follow === true ? undefined : filesOf(path).at(-1)
  let finished = false
  const changes = options.follow === true && writer ? new Changes(writer, signal) : undefined
  try {
    while (left > 0) {
      // Asked before reading: what is written after it is seen by the next round.
      const last = changes === undefined || changes.over
      changes?.take()
      const atStop = stop !== undefined && identityOf(await file.stat()) === stop.id
      for await (const { entries, end } of entriesFrom(file, at, atStop ? stop.size : undefined)) {
        at = end
        const wanted = firstLines(entries, left)
        left -= wanted.lines
        const lines = wanted.entries.flatMap(text)
        if (lines.length > 0) yield Buffer.concat(lines)
        if (left === 0) return
      }
      if (atStop || (stop && !filesOf(path).some(({ id }) => id === stop.id))) return
      const next = await after(path, file)
      if (next !== undefined && !finished) {
        // It was put aside between reading its end and looking: read once more.
        finished = true
      } else if (next !== undefined) {
        const behind = await open(next, 'r')
        await file.close()
        file = behind
        at = 0
        finished = false
      } else if (writer?.detached === true)
        // It prints on, and the next agent can tell what.
        throw new KubehopError('pod', 'logs', 'Interrupted', 'this agent lets go of the container')
      else if (last || signal.aborted) return
      else await changes?.next()
    }
  } finally {
    changes?.close()
    await file.close()
  }
}

async function resumed(path: string, from: LogPosition): Promise<{ file: FileHandle; at: number } | undefined> {
  const known = filesOf(path).find(({ id }) => id === from.id)
  return known && { file: await open(known.path, 'r'), at: from.at }
}

/** The first file to read and where; with `tailLines`, where the last so many lines begin, in whichever file that is. */
async function beginning(
  path: string,
  tailLines: number | undefined,
): Promise<{ file: FileHandle; at: number } | undefined> {
  const files = filesOf(path)
  let missing = tailLines ?? Number.POSITIVE_INFINITY
  let newest = true
  for (const one of tailLines === undefined ? files.slice(0, 1) : files.toReversed()) {
    const file = await open(one.path, 'r')
    const found: Awaited<ReturnType<typeof tailStart>> =
      tailLines === undefined ? { at: 0 } : await tailStart(file, missing, newest)
    if ('at' in found) return { file, at: found.at }
    if (one.id === files[0]?.id) return { file, at: 0 }
    await file.close()
    missing = found.missing
    newest = found.empty
  }
  return undefined
}

/** The file behind a finished one; undefined when this one still grows. A reader slower than all rotations goes on with what is left. */
async function after(path: string, file: FileHandle): Promise<string | undefined> {
  const id = identityOf(await file.stat())
  const files = filesOf(path)
  const at = files.findIndex((one) => one.id === id)
  return files[at + 1]?.path
}

/** At most so many whole lines of the entries. */
function firstLines(entries: Buffer[], most: number): { entries: Buffer[]; lines: number } {
  let lines = 0
  for (const [at, entry] of entries.entries())
    if (parseEntry(entry)?.partial !== true && ++lines >= most) return { entries: entries.slice(0, at + 1), lines }
  return { entries, lines }
}

/** The entries' text, as the client wants it. */
function textOf({ sinceSeconds, sinceTime, timestamps, stream }: LogOptions): (line: Buffer) => Buffer[] {
  const since =
    sinceTime !== undefined
      ? nanoTimeOf(sinceTime)
      : sinceSeconds !== undefined
        ? nanoTimeOf(new Date(Date.now() - sinceSeconds * 1000).toISOString())
        : ''
  const begun: Record<StreamName, boolean> = { stdout: false, stderr: false }
  return (line) => {
    const entry = parseEntry(line)
    if (!entry) return []
    const first = !begun[entry.stream]
    begun[entry.stream] = entry.partial
    // All times have the same form, so they compare as text.
    if (entry.time < since || (stream !== undefined && entry.stream !== stream)) return []
    const text = entry.partial ? [entry.text] : [entry.text, end]
    return timestamps === true && first ? [Buffer.from(`${entry.time} `), ...text] : text
  }
}

const end = Buffer.of(0x0a)
