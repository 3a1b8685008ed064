import { randomBytes } from 'node:crypto'
import { type BackoffSettings, countedAfter, delayBefore } from '../backoff.ts'
import type { ContainerRecord, Ending, RunOrigin, RunRecord } from '../record.ts'
import type { ContainerFacts } from '../status.ts'

/** As containerd has it for a container whose program could not be started. */
const startErrorCode = 128

/** What is known of a container's instances: how often it was started again, how they ended, and why none runs. */
export class History {
  readonly #backoff: BackoffSettings
  #restarts = 0
  /** Of these the next delay takes account. */
  #counted = 0
  #id: string | undefined
  #from: RunOrigin | undefined
  #ended: Ending | undefined
  #earlier = false
  #last: Ending | undefined
  #waiting: { reason: string; message?: string } | undefined
  #waitingSince = 0

  constructor(backoff: BackoffSettings) {
    this.#backoff = backoff
  }

  get facts(): Pick<ContainerFacts, 'restarts' | 'id' | 'from' | 'waiting' | 'ended' | 'earlier' | 'last'> {
    return {
      ...this.record,
      ...(this.#id !== undefined && { id: this.#id }),
      ...(this.#from && { from: this.#from }),
      ...(this.#waiting && { waiting: this.#waiting }),
    }
  }

  get record(): Omit<ContainerRecord, 'run'> {
    return {
      restarts: this.#restarts,
      ...(this.#ended && { ended: this.#ended }),
      ...(this.#last && { last: this.#last }),
      ...(this.#ended && this.#from && { from: this.#from }),
      ...(this.#ended && this.#earlier && { earlier: true }),
    }
  }

  /** Of the instance that runs or ran last. */
  get id(): string | undefined {
    return this.#id
  }

  get restarts(): number {
    return this.#restarts
  }

  /** The end of the last instance; undefined while it runs. */
  get ended(): Ending | undefined {
    return this.#ended
  }

  /** When the next instance may be started, as Date.now() counts. */
  get dueAt(): number {
    return this.#ended ? Date.parse(this.#ended.finishedAt) + this.delay : 0
  }

  /** The delay that {@link dueAt} comes from, in milliseconds. */
  get delay(): number {
    return delayBefore(this.#counted, this.#backoff)
  }

  /** What it waits for, and for how long already. */
  get waitingFor(): { reason: string; ms: number } | undefined {
    return this.#waiting && { reason: this.#waiting.reason, ms: Date.now() - this.#waitingSince }
  }

  /** Goes on with what another agent noted. */
  restore({ restarts, ended, last, from, earlier }: ContainerRecord): void {
    this.#earlier = earlier === true
    this.#from = from
    this.#restarts = restarts
    this.#counted = restarts
    this.#last = last
    this.#ended = ended
    this.#id = ended?.id
  }

  /** Why none runs although one shall. False when that is nothing new. */
  wait(reason: string, message?: string): boolean {
    if (this.#waiting?.reason === reason && this.#waiting.message === message) return false
    this.#waitingSince = Date.now()
    this.#waiting = { reason, ...(message !== undefined && { message }) }
    return true
  }

  /** The time that {@link waitingFor} tells begins now. */
  waitAnew(): void {
    this.#waitingSince = Date.now()
  }

  /** There will be a new sandbox, without a delay. `again`: an init container has to run once more in it. */
  renew(again: boolean): void {
    this.forgive()
    this.#earlier = true
    if (!again || !this.#ended) return
    this.#last = this.#ended
    this.#ended = undefined
    this.#restarts++
  }

  /** The next restart does not wait: what ended it was not its own doing. */
  forgive(): void {
    this.#counted = 0
  }

  /** One more instance is about to be started. Its number, from 0 on. */
  next(): number {
    if (this.#ended) {
      this.#restarts++
      this.#last = this.#ended
    }
    return this.#restarts
  }

  begun({ id, from }: RunRecord): void {
    this.#id = id
    this.#from = from
    this.#ended = undefined
    this.#waiting = undefined
  }

  over(ending: Ending): void {
    this.#earlier = false
    const ranMs = Date.parse(ending.finishedAt) - Date.parse(ending.startedAt)
    this.#counted = countedAfter(this.#counted, ranMs, this.#backoff)
    this.#ended = ending
  }

  /** The kernel, or the file system, did not let an instance start: to people this is a run that failed at once. */
  refused(message: string): void {
    const now = new Date().toISOString()
    this.#id = randomBytes(32).toString('hex')
    this.#waiting = undefined
    this.over({
      id: this.#id,
      exitCode: startErrorCode,
      reason: 'StartError',
      message,
      startedAt: now,
      finishedAt: now,
    })
  }
}
