// Asks a server over one UDP socket, many datagrams with one system call: a socket of Node's own could not keep a fast server busy.
// Told what to do over IPC.      generator.ts SERVICES
import { setTimeout as pause } from 'node:timers/promises'
import { address } from '../../src/base/address.ts'
import { openDatagrams, type Peer } from '../../src/kernel/datagrams.ts'
import { tail } from '../harness/figure.ts'
import { members } from './cluster.ts'
import { type Kind, messagesOf } from './questions.ts'

export type Order = {
  readonly port: number
  readonly kind: Kind
} & (
  | {
      readonly seconds: number
      /** So many questions, whether answers come or not; left out: as fast as the answers come. */
      readonly perSecond?: number
    }
  /** Every question, as fast as the answers come. */
  | { readonly once: true }
)

export interface Heard {
  readonly asked: number
  readonly answered: number
  readonly lost: number
  /** From the first question to the last answer. */
  readonly seconds: number
  readonly said: Said
  /** Of paced questions, from each to its answer, in milliseconds: of every tenth of the time the median, and what 99 of 100 stay below. */
  readonly ms?: { readonly medians: number[]; readonly tails: number[] }
}

/** Answers by what they say: with records, without any, no such name, all others. */
export interface Said {
  records: number
  empty: number
  missing: number
  other: number
}

/** Under way at once: more than a server takes with one system call, fewer than its socket holds. */
const underWay = 256
const lookMs = 20
/** After so long without any answer those that are missing will not come. */
const lostMs = 500
const drainMs = 500

const all = members(Number(process.argv[2]))
const made = new Map<Kind, Buffer[]>()
process.on('message', (order: Order) => void run(order).then((heard) => process.send?.(heard)))
process.on('disconnect', () => process.exit(0))

function run(order: Order): Promise<Heard> {
  const questions = made.get(order.kind) ?? messagesOf(order.kind, all)
  made.set(order.kind, questions)
  if ('once' in order) return flood(order.port, questions, questions.length, Number.POSITIVE_INFINITY)
  const { port, seconds, perSecond } = order
  return perSecond === undefined
    ? flood(port, questions, Number.POSITIVE_INFINITY, seconds)
    : pace(port, questions, seconds, perSecond)
}

/** Until so many have been asked, or the time is over. */
async function flood(port: number, questions: readonly Buffer[], most: number, seconds: number): Promise<Heard> {
  const said = nothing()
  let [asked, answered, last] = [0, 0, Number.NEGATIVE_INFINITY]
  const begun = performance.now()
  const open = (now = performance.now()): boolean => asked < most && now - begun < seconds * 1000
  const next = (): Buffer => questions[asked++ % questions.length] as Buffer
  using socket = openDatagrams({
    at: here,
    onDatagram(bytes) {
      answered++
      last = performance.now()
      count(bytes, said)
      return open(last) ? next() : undefined
    },
  })
  while (open()) {
    if (performance.now() - last > lostMs) {
      // None of those under way will be answered; or this is the beginning.
      for (let one = 0; one < underWay; one++) socket.send(next(), server(port))
      last = performance.now()
    }
    await pause(lookMs)
  }
  await drained(() => answered === asked)
  return { asked, answered, lost: asked - answered, seconds: (last - begun) / 1000, said }
}

/** Whether answers come or not. */
async function pace(port: number, questions: readonly Buffer[], seconds: number, perSecond: number): Promise<Heard> {
  const said = nothing()
  const times: number[] = []
  /** When the question with this id was asked. */
  const askedAt = new Float64Array(1 << 16)
  let [asked, last] = [0, 0]
  using socket = openDatagrams({
    at: here,
    onDatagram(bytes) {
      last = performance.now()
      times.push(last - (askedAt[bytes.readUInt16BE(0)] ?? 0))
      count(bytes, said)
      return undefined
    },
  })
  const begun = performance.now()
  await steadily(perSecond, seconds, () => {
    const id = asked & 0xffff
    const question = questions[asked++ % questions.length] as Buffer
    question.writeUInt16BE(id, 0)
    askedAt[id] = performance.now()
    socket.send(question, server(port))
  })
  await drained(() => times.length === asked)
  const ms = { medians: inBlocks(times, 0.5), tails: inBlocks(times, 0.99) }
  return { asked, answered: times.length, lost: asked - times.length, seconds: (last - begun) / 1000, said, ms }
}

function inBlocks(times: readonly number[], part: number): number[] {
  const size = Math.ceil(times.length / 10)
  const starts = Array.from({ length: size === 0 ? 0 : Math.ceil(times.length / size) }, (_, at) => at * size)
  return starts.map((from) => tail(times.slice(from, from + size), part, size).median)
}

/** Calls at random moments, as independent clients ask (a Poisson process), whatever comes meanwhile. */
function steadily(perSecond: number, seconds: number, call: () => void): Promise<void> {
  const begun = performance.now()
  let due = begun
  return new Promise((resolve) => {
    const turn = (): void => {
      const now = performance.now()
      // Who was kept from asking for a while does not make up for it: that would be a flood.
      if (now - due > arrearsMs) due = now
      for (let calls = 0; due <= now && calls < atOnce; calls++) {
        call()
        due -= (Math.log(1 - Math.random()) * 1000) / perSecond
      }
      if (now - begun < seconds * 1000) setImmediate(turn)
      else resolve()
    }
    turn()
  })
}
const arrearsMs = 2
/** So many, then answers are looked for. */
const atOnce = 32

async function drained(done: () => boolean): Promise<void> {
  for (let waited = 0; !done() && waited < drainMs; waited++) await pause(1)
}

const here = { address: address('127.0.0.1'), port: 0 }

function server(port: number): Peer {
  return { family: 4, port, host: '\x7f\0\0\x01', local: '', device: 0, address: () => here.address }
}

function nothing(): Said {
  return { records: 0, empty: 0, missing: 0, other: 0 }
}

function count(reply: Buffer, said: Said): void {
  const code = (reply[3] ?? 0) & 15
  if (code === 3) said.missing++
  else if (code !== 0) said.other++
  else if (reply.readUInt16BE(6) > 0) said.records++
  else said.empty++
}
