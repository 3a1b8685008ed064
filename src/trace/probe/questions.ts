import { randomInt } from 'node:crypto'
import type { Address } from '../../base/address.ts'
import { encodeMessage } from '../../dns/wire/codec.ts'
import { flags, type Message, types } from '../../dns/wire/message.ts'
import type { Netns } from '../../kernel/netns.ts'
import { openPartner } from '../../kernel/partner.ts'
import { connectTcp } from '../../kernel/socket.ts'
import { answerTo } from './is-answer.ts'

// Questions to a name server, several at once, as the C library asks for both kinds of address: over one UDP socket (RFC 1035, 4.2.1), or
// over one TCP connection where an answer did not fit (RFC 7766).

export interface Question {
  readonly id: number
  readonly type: 'A' | 'AAAA'
  readonly bytes: Buffer
}

/** `message` is what the server said; without one, nobody did. */
export interface Heard {
  readonly message?: Message
  readonly outcome: 'answered' | 'unreachable' | 'timeout'
  readonly ms: number
}

export interface Line {
  /** undefined: the namespace that this process is in. */
  readonly ns: Netns | undefined
  readonly from: { readonly address: Address; readonly port: number }
  readonly to: { readonly address: Address; readonly port: number }
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export function question(name: string, type: Question['type'], additionals: Message['additionals'] = []): Question {
  const id = randomInt(0x10000)
  return { id, type, bytes: encodeQuestion(id, name, type, additionals) }
}

export function encodeQuestion(
  id: number,
  name: string,
  type: Question['type'] = 'A',
  additionals: Message['additionals'] = [],
): Buffer {
  const questions = [{ name, type: types[type], class: 1 }]
  return encodeMessage({ id, flags: flags.RD, rcode: 0, questions, answers: [], authorities: [], additionals })
}

/** What was heard for each question, in their order. */
export function overUdp(questions: readonly Question[], { ns, from, to, timeoutMs, signal }: Line): Promise<Heard[]> {
  // The C library, too, asks to be told of every ICMP error (glibc's res_enable_icmp).
  const socket = openPartner({ ns, kind: 'udp', from, to, dontFragment: false })
  return collect(questions, timeoutMs, signal, (hear, fail) => {
    socket.follow((heard) => {
      if (heard.kind === 'error') fail(heard.code)
      else hear(Buffer.from(heard.bytes))
    })
    for (const { bytes } of questions) {
      const error = socket.send(bytes)
      if (error !== undefined) fail(error)
    }
  }).finally(() => {
    socket.close()
  })
}

/** The same over one TCP connection: each message behind its length. */
export function overTcp(questions: readonly Question[], { ns, from, to, timeoutMs, signal }: Line): Promise<Heard[]> {
  const socket = connectTcp({ ...(ns && { ns }), address: to.address, port: to.port, from: { address: from.address } })
  return collect(questions, timeoutMs, signal, (hear, fail) => {
    let rest = Buffer.alloc(0)
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? ''))
    socket.on('close', () => fail('ECONNRESET'))
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0)
        hear(rest.subarray(2, end))
        rest = rest.subarray(end)
      }
    })
    socket.once('connect', () => {
      for (const { bytes } of questions) {
        const length = Buffer.alloc(2)
        length.writeUInt16BE(bytes.length)
        socket.write(Buffer.concat([length, bytes]))
      }
    })
  }).finally(() => {
    socket.destroy()
  })
}

/** Until every question has its answer, or time, the asker or the kernel ends it. */
function collect(
  questions: readonly Question[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
  begin: (hear: (bytes: Buffer) => void, fail: (code: string) => void) => void,
): Promise<Heard[]> {
  const started = performance.now()
  const heard = new Map<number, Heard>()
  const { promise, resolve, reject } = Promise.withResolvers<Heard[]>()
  const end = (outcome: 'unreachable' | 'timeout'): void => {
    const ms = performance.now() - started
    resolve(questions.map(({ id }) => heard.get(id) ?? { outcome, ms }))
  }
  const giveUp = (): void => end('timeout')
  const timer = setTimeout(giveUp, timeoutMs)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    begin(
      (bytes) => {
        const message = firstOf(questions, (one) => answerTo(one.bytes, bytes))
        // Of several answers to one question the first counts, as for the C library.
        if (!message || heard.has(message.id)) return
        heard.set(message.id, { message, outcome: 'answered', ms: performance.now() - started })
        if (heard.size === questions.length) end('timeout')
      },
      () => end('unreachable'),
    )
  } catch (error) {
    reject(error)
  }
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  })
}

function firstOf<T, Found>(all: readonly T[], find: (one: T) => Found | undefined): Found | undefined {
  for (const one of all) {
    const found = find(one)
    if (found !== undefined) return found
  }
  return undefined
}
