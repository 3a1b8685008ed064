import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, write } from 'node:fs'
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { openFifoToRead } from '../../kernel/fifo.ts'
import { LineCutter, nanoTime, type StreamName } from './format.ts'

/** A log that grew to this size is put aside, once; the one before it goes. */
const rotateAt = 10 * 1024 * 1024
/** More than this waiting for the disk: the container's pipes are not read meanwhile. */
const highWater = 1024 * 1024

/** Writes what a container prints to its log until both pipes have ended. Readers that follow are told of every write. */
export class LogWriter {
  readonly path: string
  /** Fulfilled when everything that was printed is in the file. */
  readonly ended: Promise<void>
  readonly #log: Log
  readonly #sockets: Socket[] = []
  readonly #listeners = new Set<() => void>()
  #fd: number
  #size: number
  #pending: Buffer[] = []
  #pendingBytes = 0
  #writing = false
  #open = 2
  #done: () => void = () => undefined
  #over = false

  constructor(path: string, pipes: Record<StreamName, string>, log: Log) {
    this.path = path
    this.#log = log
    this.ended = new Promise((resolve) => {
      this.#done = resolve
    })
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    this.#fd = openSync(path, 'a', 0o640)
    this.#size = fstatSync(this.#fd).size
    this.#read('stdout', pipes.stdout)
    this.#read('stderr', pipes.stderr)
  }

  get over(): boolean {
    return this.#over
  }

  /** Called after every write, and at the end. Returns what ends it. */
  onWrite(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Stops reading; the container goes on, and its pipes keep what it prints until somebody reads them. */
  detach(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #read(stream: StreamName, pipe: string): void {
    const cutter = new LineCutter(stream)
    const socket = new Socket({ fd: openFifoToRead(pipe), readable: true, writable: false })
    this.#sockets.push(socket)
    socket.on('data', (chunk: Buffer) => this.#put(cutter.push(chunk, nanoTime())))
    socket.on('error', (error) =>
      this.#log.warn({ pipe, error: error.message }, 'the output of a container cannot be read'),
    )
    socket.once('close', () => {
      this.#put(cutter.end(nanoTime()))
      this.#open--
      this.#flush()
    })
  }

  #put(entries: Buffer[]): void {
    for (const entry of entries) {
      this.#pending.push(entry)
      this.#pendingBytes += entry.length
    }
    if (this.#pendingBytes > highWater) for (const socket of this.#sockets) socket.pause()
    this.#flush()
  }

  #flush(): void {
    if (this.#writing || this.#over) return
    if (this.#pending.length === 0) {
      if (this.#open === 0) this.#finish()
      return
    }
    const bytes = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    this.#writing = true
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => this.#written(bytes, error, written))
  }

  #written(bytes: Buffer, error: Error | null, written: number): void {
    this.#writing = false
    this.#size += written
    // A full disk loses lines rather than stopping the container.
    if (error) this.#log.error({ path: this.path, error: messageOf(error) }, 'the log of a container cannot be written')
    else if (written < bytes.length) this.#pending.unshift(bytes.subarray(written))
    if (this.#size >= rotateAt) this.#rotate()
    for (const socket of this.#sockets) socket.resume()
    for (const listener of this.#listeners) listener()
    this.#flush()
  }

  #rotate(): void {
    try {
      closeSync(this.#fd)
      renameSync(this.path, rotated(this.path))
    } catch (error) {
      this.#log.error({ path: this.path, error: messageOf(error) }, 'the log of a container cannot be put aside')
    }
    this.#fd = openSync(this.path, 'a', 0o640)
    this.#size = fstatSync(this.#fd).size
  }

  #finish(): void {
    this.#over = true
    closeSync(this.#fd)
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
    this.#done()
  }
}

export function rotated(path: string): string {
  return `${path}.1`
}

export function removeLog(path: string): void {
  for (const one of [path, rotated(path)]) if (existsSync(one)) rmSync(one)
}
