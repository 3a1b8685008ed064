import { createSocket } from 'node:dgram'
import { randomInt } from 'node:crypto'
import type { Address } from '../../base/address.ts'
import { decodeMessage, encodeMessage } from '../../dns/wire/codec.ts'
import { flags, type Message, types } from '../../dns/wire/message.ts'
import type { Netns } from '../../kernel/netns.ts'
import { bindUdp, connectTcp } from '../../kernel/socket.ts'
import { outcomes } from './outcomes.ts'

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
  const socket = createSocket('udp4')
  return collect(questions, timeoutMs, signal, (hear, fail) => {
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error))
    socket.on('message', (bytes) => hear(bytes))
    socket.bind({ fd: bindUdp(ns, from.address, from.port, { errors: true }) }, () => {
      socket.connect(to.port, to.address, (error?: NodeJS.ErrnoException) => {
        if (error) return fail(error)
        for (const { bytes } of questions) socket.send(bytes)
      })
    })
  }).finally(() => {
    socket.close()
  })
}

/** The same over one TCP connection: each message behind its length. */
export function overTcp(questions: readonly Question[], { ns, from, to, timeoutMs, signal }: Line): Promise<Heard[]> {
  const socket = connectTcp({ ...(ns && { ns }), address: to.address, port: to.port, from: { address: from.address } })
  return collect(questions, timeoutMs, signal, (hear, fail) => {
    let rest = Buffer.alloc(0)
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error))
    socket.on('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
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
  begin: (hear: (bytes: Buffer) => void, fail: (error: NodeJS.ErrnoException) => void) => void,
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
        const message = decodeMessage(bytes)
        if (!message || !questions.some(({ id }) => id === message.id)) return
        heard.set(message.id, { message, outcome: 'answered', ms: performance.now() - started })
        if (heard.size === questions.length) end('timeout')
      },
      (error) => {
        if (outcomes[error.code ?? '']) end('unreachable')
        else reject(error)
      },
    )
  } catch (error) {
    reject(error)
  }
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  })
}
