import type { ChildProcess } from 'node:child_process'
import { KubehopError } from '../../base/errors.ts'
import type { DnsConfig } from '../config/config.ts'
import type { FromWorker, Measured, ToWorker } from './channel.ts'

/** Starts a process with a channel that has the `advanced` serialization; its worker's number is for people. */
export type Spawn = (number: number) => ChildProcess

/** How long a worker may take to say what it has counted, and to end. */
const patienceMilliseconds = 1000
const lastMilliseconds = 10_000

/** Of the error when a worker ends instead of answering. */
export const endedCode = 'Ended'

/** A worker as its supervisor sees it. */
export class WorkerProcess {
  readonly number: number
  readonly synced: Promise<void>
  /** How it ended: its code or signal. */
  readonly ended: Promise<string>
  ports: readonly number[] = []
  knows = false
  /** How often in a row it has not said in time what it counts. */
  silent = 0
  /** What it has told at last. */
  last: Measured | undefined
  readonly #child: ChildProcess
  readonly #waiting = new Map<FromWorker['kind'], Set<(message: FromWorker) => void>>()
  /** What is asked of it and not answered: told when it ends. Not a `then` of `ended` for each, which would be kept for as long as it lives. */
  readonly #unanswered = new Set<(how: string) => void>()
  #killed = false
  #end: string | undefined
  readonly #began = performance.now()

  constructor(number: number, spawn: Spawn) {
    this.number = number
    this.#child = spawn(number)
    this.#child.on('message', (message: FromWorker) => this.#hear(message))
    const ended = Promise.withResolvers<string>()
    this.#child.on('exit', (code, signal) => ended.resolve(signal ?? `code ${code}`))
    // What could not be sent to one that is ending is an error, too: how it ends is told by its exit, unless it never was.
    this.#child.on('error', (error) => {
      if (this.#child.pid === undefined) ended.resolve(error.message)
    })
    this.ended = ended.promise
    void this.ended.then((how) => {
      this.#end = how
      for (const tell of this.#unanswered) tell(how)
    })
    const synced = Promise.withResolvers<void>()
    this.#on('synced', () => {
      this.knows = true
      synced.resolve()
    })
    this.synced = synced.promise
  }

  get age(): number {
    return performance.now() - this.#began
  }

  /** Done when it answers. Rejects with what kept it from that. */
  async start(message: Omit<Extract<ToWorker, { kind: 'start' }>, 'kind'>): Promise<void> {
    const { ports } = await this.#ask({ kind: 'start', ...message }, 'listening')
    this.ports = ports
  }

  async configure(config: DnsConfig): Promise<void> {
    await this.#ask({ kind: 'configure', config }, 'configured')
  }

  /** Also tells how many seconds the answer took. Rejects when it does not come. */
  async measure(
    whole: boolean,
    within: number = patienceMilliseconds,
  ): Promise<{ measured: Measured; seconds: number }> {
    const start = performance.now()
    this.silent++
    const { cells, families } = await this.#ask({ kind: 'measure', whole }, 'measured', {
      within,
      // A look and a scrape may be under way at once.
      fits: (message) => message.whole === whole,
    })
    this.silent = 0
    this.last = { cells, families: whole ? families : (this.last?.families ?? []) }
    return { measured: this.last, seconds: (performance.now() - start) / 1000 }
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.send({ kind: 'close' } satisfies ToWorker)
    const timer = setTimeout(() => this.kill(), lastMilliseconds)
    await this.ended
    clearTimeout(timer)
  }

  /** False: it has been killed before. */
  kill(): boolean {
    if (this.#killed) return false
    this.#killed = true
    return this.#child.kill('SIGKILL')
  }

  #ask<K extends 'listening' | 'configured' | 'measured'>(
    message: ToWorker,
    answer: K,
    {
      within,
      fits = () => true,
    }: { within?: number; fits?: (message: Extract<FromWorker, { kind: K }>) => boolean } = {},
  ): Promise<Extract<FromWorker, { kind: K }>> {
    return new Promise((resolve, reject) => {
      const fail = (code: string, say: string): void => {
        stop()
        reject(new KubehopError('dns', `worker ${this.number}`, code, say))
      }
      const stops = [
        this.#on(answer, (message) => {
          if (!fits(message)) return
          stop()
          resolve(message)
        }),
        this.#on('failed', (failed) => {
          if (failed.op === message.kind) fail(failed.code, failed.say)
        }),
      ]
      const timer =
        within === undefined ? undefined : setTimeout(() => fail('Silent', 'it said nothing in time'), within)
      const stop = (): void => {
        clearTimeout(timer)
        this.#unanswered.delete(end)
        for (const one of stops) one()
      }
      const end = (how: string): void => fail(endedCode, `it ended: ${how}`)
      if (this.#end !== undefined) return end(this.#end)
      this.#unanswered.add(end)
      if (this.#child.connected) this.#child.send(message)
    })
  }

  #on<K extends FromWorker['kind']>(kind: K, heard: (message: Extract<FromWorker, { kind: K }>) => void): () => void {
    const all = this.#waiting.get(kind) ?? new Set()
    this.#waiting.set(kind, all)
    all.add(heard as (message: FromWorker) => void)
    return () => void all.delete(heard as (message: FromWorker) => void)
  }

  #hear(message: FromWorker): void {
    for (const heard of this.#waiting.get(message.kind) ?? []) heard(message)
  }
}
