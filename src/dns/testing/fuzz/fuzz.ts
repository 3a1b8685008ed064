import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Asker } from '../../handlers/handler.ts'
import type { Reaction } from '../../server/responder.ts'
import { overTcp, overUdp } from '../ask.ts'
import { oracleDiffers, readyDiffers, wrongWith } from './check.ts'
import { anyMessage } from './messages.ts'
import { Random } from './random.ts'
import { fuzzSubject, type Subject } from './subject.ts'

export interface FuzzReport {
  readonly messages: number
  /** How many got which code; `none`: no answer. */
  readonly codes: ReadonlyMap<string, number>
  /** The longest answer over UDP for each byte of its question. */
  readonly ratio: number
  /** Bytes that are in use after the last message and were not after the first part of them. */
  readonly growth: number
}

/** Looked at by dns-packet, too. */
const oracleEvery = 200
/** Compared with what the handlers say when nothing is ready. */
const slowEvery = 8
const changeEvery = 500
/** Parts after each of which the memory is measured. */
const parts = 10
const mostGrowth = 8 << 20
/** Milliseconds. The machine may be busy: only what takes this long again and again is slow. */
const mostTime = 10

/**
 * Sends `messages` messages that follow from `seed` to a server without sockets. Rejects with what is wrong with the first reply that is not as it has to
 * be, and with the message. `onPart` is told how many have been sent, now and then.
 */
export async function fuzz(seed: number, messages: number, onPart?: (sent: number) => void): Promise<FuzzReport> {
  const random = new Random(seed)
  const run = new Run(fuzzSubject(random, true))
  const used: number[] = []
  for (let part = 0; part < parts; part++) {
    const end = Math.floor((messages * (part + 1)) / parts)
    for (let at = Math.floor((messages * part) / parts); at < end; at++) {
      try {
        if (at % changeEvery === 0) await run.settled()
        run.one(anyMessage(random), random.once(4) ? overTcp : overUdp, at)
        if (at % changeEvery === 0) run.subject.change()
      } catch (error) {
        throw new Error(`message ${at} of seed ${seed}: ${String(error)}`, { cause: error })
      }
    }
    await run.settled()
    used.push(memoryInUse())
    onPart?.(end)
  }
  const growth = Math.min(...used.slice(-2)) - Math.max(...used.slice(0, 3))
  if (growth > mostGrowth) throw new Error(`${growth} bytes more in use after ${messages} messages of seed ${seed}`)
  return { messages, codes: run.codes, ratio: run.ratio, growth }
}

/** The same for single messages, over both transports. Rejects with why the first one that fails is there, and what is wrong. */
export async function fuzzThese(messages: readonly { readonly bytes: Buffer; readonly why: string }[]): Promise<void> {
  const run = new Run(fuzzSubject(new Random(1), true))
  for (const { bytes, why } of messages)
    for (const asker of [overUdp, overTcp])
      try {
        run.one(Buffer.from(bytes), asker, 0)
        await run.settled()
      } catch (error) {
        throw new Error(`${why}: ${String(error)}`, { cause: error })
      }
}

class Run {
  readonly codes = new Map<string, number>()
  ratio = 0
  readonly subject: Subject
  #waiting: Promise<void>[] = []

  constructor(subject: Subject) {
    this.subject = subject
  }

  /** `message` is overwritten before the reply is looked at, as a socket does with what it read into. */
  one(message: Buffer, asker: Asker, at: number): void {
    const copy = Buffer.from(message)
    const wrong = (what: unknown): never => {
      throw new Error(`${String(what)}; over ${asker.transport}: ${copy.toString('hex')}`)
    }
    const check = (reply: Buffer | undefined): void => {
      const what =
        wrongWith(copy, asker.transport, reply) ??
        (at % oracleEvery === 0 && reply ? oracleDiffers(reply) : undefined) ??
        (at % slowEvery === 0 && reply && !(reaction instanceof Promise)
          ? this.#differs(copy, asker, reply)
          : undefined)
      if (what !== undefined) wrong(`${what} (${reply?.toString('hex')})`)
      this.#count(copy, reply, asker.transport === 'udp')
    }
    let reaction: Reaction
    try {
      const begun = performance.now()
      reaction = this.subject.responder.react(message, asker)
      if (performance.now() - begun > mostTime && this.#isSlow(copy, asker)) wrong('it takes too long')
    } catch (error) {
      return wrong(error)
    }
    message.fill(0xee)
    if (reaction instanceof Promise) this.#waiting.push(reaction.then(check, wrong))
    else check(reaction)
  }

  /** Those that waited for the upstream have their answers, too. */
  async settled(): Promise<void> {
    await Promise.all(this.#waiting.splice(0))
  }

  #differs(message: Buffer, asker: Asker, reply: Buffer): string | undefined {
    const mine = Buffer.from(reply)
    const slow = this.subject.slow.react(message, asker)
    if (!(slow instanceof Promise)) return slow ? readyDiffers(mine, slow) : 'nothing, without ready answers'
    this.#waiting.push(slow.then(() => {}))
    return undefined
  }

  #isSlow(message: Buffer, asker: Asker): boolean {
    const times = Array.from({ length: 5 }, () => {
      const begun = performance.now()
      const reaction = this.subject.responder.react(message, asker)
      if (reaction instanceof Promise) this.#waiting.push(reaction.then(() => {}))
      return performance.now() - begun
    })
    return Math.min(...times) > mostTime
  }

  #count(message: Buffer, reply: Buffer | undefined, udp: boolean): void {
    const code = reply ? `${(reply[3] ?? 0) & 0xf}` : 'none'
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1)
    if (udp && reply) this.ratio = Math.max(this.ratio, reply.length / message.length)
  }
}

function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
