// The CRI log format (k8s.io/cri-api, runtime/v1): `<RFC 3339 with nanoseconds> <stdout|stderr> <P|F> <text>`. P says that the line goes on
// in the next entry.

export type StreamName = 'stdout' | 'stderr'

/** A program's line is cut into entries of at most so many bytes, as containerd does. */
export const maxEntry: number = 16 * 1024

export interface LogEntry {
  /** RFC 3339 with nanoseconds. */
  time: string
  stream: StreamName
  partial: boolean
  text: Buffer
}

const newline = 0x0a

/** Cuts what a stream delivers into entries; what has no newline yet waits for it, or for the end. */
export class LineCutter {
  readonly #stream: StreamName
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: StreamName) {
    this.#stream = stream
  }

  push(chunk: Buffer, time: string): Buffer[] {
    const out: Buffer[] = []
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const end = data.indexOf(newline)
      const whole = end >= 0 && end <= maxEntry
      if (!whole && data.length <= maxEntry) break
      const length = whole ? end : maxEntry
      out.push(entryBytes(time, this.#stream, !whole, data.subarray(0, length)))
      data = data.subarray(whole ? length + 1 : length)
    }
    // A copy, so that a few waiting bytes do not keep a whole chunk in memory.
    this.#rest = Buffer.from(data)
    return out
  }

  end(time: string): Buffer[] {
    if (this.#rest.length === 0) return []
    const last = entryBytes(time, this.#stream, false, this.#rest)
    this.#rest = Buffer.alloc(0)
    return [last]
  }
}

function entryBytes(time: string, stream: StreamName, partial: boolean, text: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${time} ${stream} ${partial ? 'P' : 'F'} `), text, Buffer.of(newline)])
}

/** One entry without its newline, or undefined for bytes that are none (a file cut off by a full disk). */
export function parseEntry(line: Buffer): LogEntry | undefined {
  const head = line.subarray(0, 64).toString('latin1')
  const match = /^(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([PF]) ?/.exec(head)
  if (!match) return undefined
  const [whole, time = '', stream, tag] = match
  return { time, stream: stream as StreamName, partial: tag === 'P', text: line.subarray(whole.length) }
}

/** The time now. JavaScript's clock has microseconds at best; the last digits are zero. */
export function nanoTime(): string {
  const wall = Date.now()
  const fine = performance.timeOrigin + performance.now()
  // The finer clock does not notice when the machine's clock is set.
  const now = Math.abs(fine - wall) < 1000 ? fine : wall
  const second = Math.floor(now / 1000)
  const micros = Math.floor((now - second * 1000) * 1000)
  return `${new Date(second * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}000Z`
}
