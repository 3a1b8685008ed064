import { type FileHandle, open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { parseEntry } from './format.ts'
import { type LogWriter, rotated } from './writer.ts'

/** The options of the API's `/log` (PodLogOptions). */
export interface LogOptions {
  follow?: boolean
  tailLines?: number
  /** The instance before the last restart. */
  previous?: boolean
  sinceSeconds?: number
  limitBytes?: number
  timestamps?: boolean
}

const chunkSize = 64 * 1024
const newline = 0x0a

/** What a container printed, as text. With `follow`, ends when the container does. `writer` is the one that still writes, if any. */
export function readLog(path: string, options: LogOptions, writer: LogWriter | undefined): Readable {
  const abort = new AbortController()
  const stream = Readable.from(bounded(texts(path, options, writer, abort.signal), options.limitBytes), {
    objectMode: false,
  })
  stream.once('close', () => abort.abort())
  return stream
}

async function* bounded(source: AsyncIterable<Buffer>, limit = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  let left = limit
  for await (const text of source) {
    if (left <= 0) return
    yield text.length > left ? text.subarray(0, left) : text
    left -= text.length
  }
}

async function* texts(
  path: string,
  options: LogOptions,
  writer: LogWriter | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const since = options.sinceSeconds === undefined ? undefined : Date.now() - options.sinceSeconds * 1000
  // A container that could not be started never printed anything.
  if ((await inode(path)) === undefined) return
  let file = await open(path, 'r')
  const changes = options.follow === true && writer ? new Changes(writer, signal) : undefined
  try {
    let at = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines)
    for (;;) {
      // Asked before reading: what is written after it is seen by the next round.
      const last = changes === undefined || changes.over
      changes?.take()
      for await (const { lines, end } of linesOf(file, at)) {
        at = end
        const text = lines.flatMap((line) => textOf(line, since, options.timestamps === true))
        if (text.length > 0) yield Buffer.concat(text)
      }
      const next = await nextFile(path, file)
      if (next === 'moved') continue
      if (next) {
        await file.close()
        file = next
        at = 0
        continue
      }
      if (last || signal.aborted) return
      await changes?.next()
    }
  } finally {
    changes?.close()
    await file.close()
  }
}

function textOf(line: Buffer, since: number | undefined, timestamps: boolean): Buffer[] {
  const entry = parseEntry(line)
  if (!entry || (since !== undefined && Date.parse(entry.time) < since)) return []
  const text = entry.partial ? [entry.text] : [entry.text, end]
  return timestamps ? [Buffer.from(`${entry.time} `), ...text] : text
}

const end = Buffer.of(newline)

/**
 * The file that goes on where a finished one ends, opened; undefined when this one still grows. `moved`: it was put aside between reading its
 * end and looking, so it has to be read once more. A reader that is slower than two rotations loses what lay in between.
 */
async function nextFile(
  path: string,
  file: FileHandle & { aside?: boolean },
): Promise<FileHandle | 'moved' | undefined> {
  const { ino } = await file.stat()
  if ((await inode(path)) === ino) return undefined
  if (file.aside !== true) {
    file.aside = true
    return 'moved'
  }
  const aside = await inode(rotated(path))
  return open(aside === undefined || aside === ino ? path : rotated(path), 'r')
}

async function inode(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino
  } catch (error) {
    // Between the two steps of a rotation there is none.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Remembers that something was written, so that no write between two looks is missed. */
class Changes {
  readonly #writer: LogWriter
  readonly #stop: () => void
  #seen = false
  #wake: (() => void) | undefined
  readonly #signal: AbortSignal

  constructor(writer: LogWriter, signal: AbortSignal) {
    this.#writer = writer
    this.#signal = signal
    this.#stop = writer.onWrite(this.#note)
    signal.addEventListener('abort', this.#note)
  }

  get over(): boolean {
    return this.#writer.over || this.#signal.aborted
  }

  take(): void {
    this.#seen = false
  }

  next(): Promise<void> {
    if (this.#seen || this.over) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  close(): void {
    this.#stop()
    this.#signal.removeEventListener('abort', this.#note)
  }

  readonly #note = (): void => {
    this.#seen = true
    this.#wake?.()
  }
}

/** Whole lines from `at` on, many at a time, and where they end; an unfinished one at the end is left for the next time. */
async function* linesOf(file: FileHandle, at: number): AsyncGenerator<{ lines: Buffer[]; end: number }> {
  let rest: Buffer = Buffer.alloc(0)
  let position = at
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkSize), 0, chunkSize, position + rest.length)
    if (bytesRead === 0) return
    const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    const lines: Buffer[] = []
    let start = 0
    for (let stop = data.indexOf(newline); stop >= 0; stop = data.indexOf(newline, start)) {
      lines.push(data.subarray(start, stop))
      start = stop + 1
    }
    position += start
    rest = data.subarray(start)
    if (lines.length > 0) yield { lines, end: position }
  }
}

/** Where the last `count` lines begin. */
async function tailStart(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat()
  // The newline that ends the file ends its last line, it begins none.
  let missing = count
  let end = size - 1
  while (end > 0 && missing >= 0) {
    if (missing === 0) break
    const start = Math.max(0, end - chunkSize)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (buffer[at] === newline && --missing === 0) return start + at + 1
    }
    end = start
  }
  return count <= 0 ? size : 0
}
