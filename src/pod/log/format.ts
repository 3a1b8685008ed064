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
  /** The last entry was a partial one. */
  #begun = false

  constructor(stream: StreamName) {
    this.#stream = stream
  }

  /** The entries that `chunk` completes, one behind another. */
  push(chunk: Buffer, time: string): Buffer {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const ends: number[] = []
    let at = 0
    for (;;) {
      const end = data.indexOf(newline, at)
      const whole = end >= 0 && end - at <= maxEntry
      if (!whole && data.length - at <= maxEntry) break
      ends.push(whole ? end : -(at + maxEntry))
      at = whole ? end + 1 : at + maxEntry
    }
    const last = ends.at(-1)
    if (last !== undefined) this.#begun = last < 0
    // A copy, so that a few waiting bytes do not keep a whole chunk in memory.
    this.#rest = Buffer.from(data.subarray(at))
    return joined(data, ends, this.#head(time, 'F'), this.#head(time, 'P'))
  }

  /** Whether there is something that waits for its newline. */
  get waiting(): boolean {
    return this.#rest.length > 0
  }

  /** What waits, as a line that goes on in the next entry: a prompt perhaps, that nobody would see otherwise. */
  flush(time: string): Buffer {
    this.#begun ||= this.waiting
    return this.waiting ? this.#take(time, 'P') : this.#rest
  }

  /** What waits, as a whole line: no more will come. */
  end(time: string): Buffer {
    return this.waiting || this.#begun ? this.#take(time, 'F') : this.#rest
  }

  #take(time: string, tag: 'F' | 'P'): Buffer {
    const entry = Buffer.concat([this.#head(time, tag), this.#rest, Buffer.of(newline)])
    this.#rest = Buffer.alloc(0)
    return entry
  }

  #head(time: string, tag: 'F' | 'P'): Buffer {
    return Buffer.from(`${time} ${this.#stream} ${tag} `)
  }
}

/** `ends` are where the entries of `data` end: at a newline, or, negative, where a line was cut. One buffer for all: lines may be very short. */
function joined(data: Buffer, ends: readonly number[], full: Buffer, partial: Buffer): Buffer {
  const out = Buffer.allocUnsafe(data.length + ends.length * (full.length + 1))
  let [from, to] = [0, 0]
  for (const end of ends) {
    const stop = Math.abs(end)
    to += (end < 0 ? partial : full).copy(out, to)
    to += data.copy(out, to, from, stop)
    out[to++] = newline
    from = end < 0 ? stop : stop + 1
  }
  return out.subarray(0, to)
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

/** Any RFC 3339 time in the form of {@link nanoTime}. */
export function nanoTimeOf(time: string): string {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  return `${new Date(Date.parse(time)).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0').slice(0, 9)}Z`
}
