import { type FileHandle, open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { parseEntry } from './log-format.ts'
import type { LogWriter } from './log-writer.ts'

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
  let file = await open(path, 'r')
  const changes = options.follow === true && writer ? new Changes(writer, signal) : undefined
  try {
    let at = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines)
    for (;;) {
      // Asked before reading: what is written after it is seen by the next round.
      const last = changes === undefined || changes.over
      changes?.take()
      for await (const { line, end } of linesOf(file, at)) {
        at = end
        const entry = parseEntry(line)
        if (!entry || (since !== undefined && Date.parse(entry.time) < since)) continue
        const head = options.timestamps === true ? `${entry.time} ` : ''
        yield Buffer.concat([Buffer.from(head), entry.text, ...(entry.partial ? [] : [Buffer.of(newline)])])
      }
      const current = await stat(path)
      if (current.ino !== (await file.stat()).ino) {
        await file.close()
        file = await open(path, 'r')
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

/** Whole lines from `at` on, and where each ends; an unfinished one at the end is left for the next time. */
async function* linesOf(file: FileHandle, at: number): AsyncGenerator<{ line: Buffer; end: number }> {
  let rest: Buffer = Buffer.alloc(0)
  let position = at
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkSize), 0, chunkSize, position + rest.length)
    if (bytesRead === 0) return
    let data = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline)) {
      position += end + 1
      yield { line: data.subarray(0, end), end: position }
      data = data.subarray(end + 1)
    }
    rest = data
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
