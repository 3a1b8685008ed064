import { closeSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { LineCutter, nanoTime, type StreamName } from './format.ts'
import { rotate, rotateAt } from './rotation.ts'
import { Tap } from './tap.ts'
import { Throttle } from './throttle.ts'

/** What has no newline yet is written after so long. */
const promptMs = 100
/** How long, and how much of, what a container prints first is kept for the client that started it. */
const beginningMs = 10_000
/** A container has ended, and so long nothing came by an output that somebody else holds open. */
const quietMs = 500
const beginningSize = 64 * 1024

/** Writes what a container prints to its log until all of its outputs have ended. Readers that follow are told of every write. */
export class LogWriter {
  readonly path: string
  /** Fulfilled when everything that was printed is in the file. */
  readonly ended: Promise<void>
  readonly #log: Log
  readonly #outputs: readonly Readable[]
  readonly #listeners = new Set<() => void>()
  readonly #taps = new Set<Tap>()
  readonly #throttle = new Throttle()
  #resting: NodeJS.Timeout | undefined
  #fd: number
  #size: number
  #open: number
  #done: () => void = () => undefined
  #beginning: { chunks: { stream: StreamName; chunk: Buffer }[]; size: number } | undefined
  #forgetting: NodeJS.Timeout | undefined
  #over = false
  #detached = false

  /** The writer closes the outputs; when it cannot be made, they are still the caller's. */
  constructor(path: string, outputs: Partial<Record<StreamName, Readable>>, log: Log) {
    this.path = path
    this.#log = log
    this.ended = new Promise((resolve) => {
      this.#done = resolve
    })
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    this.#fd = openSync(path, 'a', 0o640)
    this.#size = fstatSync(this.#fd).size
    this.#outputs = Object.values(outputs)
    this.#open = this.#outputs.length
    for (const [name, output] of Object.entries(outputs)) this.#read(name as StreamName, output)
    // A terminal that went with its shim.
    if (this.#open === 0) this.#finish()
  }

  get over(): boolean {
    return this.#over
  }

  /** It was let go of before its end. */
  get detached(): boolean {
    return this.#detached
  }

  /** Called after every write, and at the end. Returns what ends it. */
  onWrite(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Keeps what is printed first for the first tap, if that comes soon: `kubectl run` starts a container and attaches to it, and its first words
   * belong to that client.
   */
  keepBeginning(): void {
    this.#beginning = { chunks: [], size: 0 }
    this.#forgetting = setTimeout(() => (this.#beginning = undefined), beginningMs)
    this.#forgetting.unref()
  }

  /** What is printed from now on; it goes to the log as well. */
  tap(patienceMs?: number): Tap {
    const tap = new Tap(
      () => this.#flow(),
      (gone) => {
        if (this.#taps.delete(gone)) this.#flow()
      },
      patienceMs,
    )
    for (const { stream, chunk } of this.#beginning?.chunks ?? []) tap.write(stream, chunk)
    this.#beginning = undefined
    if (this.#over) tap.end()
    else this.#taps.add(tap)
    return tap
  }

  /**
   * Fulfilled when all is written that a container has printed which has ended. `shared`: what it left in processes that it shares may hold its outputs open
   * as long as the pod lives; they are read until nothing comes any more.
   */
  async allWritten(shared: boolean): Promise<void> {
    const quiet = new Set(shared ? this.#outputs : [])
    for (const output of quiet) output.on('data', () => quiet.delete(output))
    const look = (): void => {
      for (const output of this.#outputs)
        if (quiet.has(output) && !output.isPaused()) output.destroy()
        else quiet.add(output)
    }
    const timer = shared ? setInterval(look, quietMs) : undefined
    await this.ended
    clearInterval(timer)
  }

  /** Stops reading; the container goes on, and its pipes keep what it prints until somebody reads them. */
  detach(): void {
    this.#detached = true
    clearTimeout(this.#resting)
    for (const output of this.#outputs) output.destroy()
  }

  #read(stream: StreamName, output: Readable): void {
    const cutter = new LineCutter(stream)
    let prompt: NodeJS.Timeout | undefined
    output.on('data', (chunk: Buffer) => {
      const begun = processorTime()
      this.#put(cutter.push(chunk, nanoTime()))
      if (cutter.waiting)
        prompt ??= setTimeout(() => {
          prompt = undefined
          this.#put(cutter.flush(nanoTime()))
        }, promptMs)
      for (const tap of this.#taps) tap.write(stream, chunk)
      this.#remember(stream, chunk)
      const rest = this.#throttle.spend(processorTime() - begun)
      if (rest > 0) this.#rest(rest)
      // One piece a turn: there may always be more, and Node would read on before anybody else gets a word in.
      output.pause()
      setImmediate(() => this.#flow())
    })
    output.on('error', (error) =>
      this.#log.warn({ path: this.path, error: error.message }, 'the output of a container cannot be read'),
    )
    output.once('close', () => {
      clearTimeout(prompt)
      // The next agent goes on with a line that this one has begun.
      this.#put(this.#detached ? cutter.flush(nanoTime()) : cutter.end(nanoTime()))
      this.#open--
      if (this.#open > 0) return
      for (const tap of this.#taps) tap.end()
      this.#finish()
    })
  }

  #remember(stream: StreamName, chunk: Buffer): void {
    const kept = this.#beginning
    if (!kept) return
    kept.size += chunk.length
    // Who prints so much at once has more to say later.
    if (kept.size > beginningSize) this.#beginning = undefined
    else kept.chunks.push({ stream, chunk: Buffer.from(chunk) })
  }

  #rest(ms: number): void {
    this.#resting ??= setTimeout(() => {
      this.#resting = undefined
      this.#flow()
    }, ms)
  }

  /** Reads on, or waits for whoever is behind: a client, the others on this machine. */
  #flow(): void {
    const wait = this.#resting !== undefined || [...this.#taps].some((tap) => tap.full)
    for (const output of this.#outputs) {
      if (wait && !output.isPaused()) output.pause()
      else if (!wait && output.isPaused()) output.resume()
    }
  }

  /** At once, in the turn in which it was read: an agent that is killed in between would lose it. */
  #put(entries: Buffer): void {
    if (entries.length === 0) return
    try {
      for (let at = 0; at < entries.length; ) at += writeSync(this.#fd, entries, at)
      this.#size += entries.length
    } catch (error) {
      // A full disk loses lines rather than stopping the container.
      this.#log.error({ path: this.path, error: messageOf(error) }, 'the log of a container cannot be written')
    }
    if (this.#size >= rotateAt) this.#rotate()
    for (const listener of this.#listeners) listener()
  }

  #rotate(): void {
    try {
      rotate(this.path)
      const fd = openSync(this.path, 'a', 0o640)
      closeSync(this.#fd)
      this.#fd = fd
      this.#size = fstatSync(fd).size
    } catch (error) {
      // It goes on in the file that it has, and tries again after as much.
      this.#size = 0
      this.#log.error({ path: this.path, error: messageOf(error) }, 'the log of a container cannot be put aside')
    }
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#forgetting)
    closeSync(this.#fd)
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
    this.#done()
  }
}

/** What this thread has used of a processor, in milliseconds: on a busy machine, not what others have used meanwhile. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
