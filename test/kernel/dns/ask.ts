import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { queryOf, read } from '../../../src/dns/testing/ask.ts'
import { framed, Frames } from '../../../src/dns/wire/frames.ts'
import type { Message } from '../../../src/dns/wire/message.ts'

export interface Asked {
  readonly name: string
  readonly type: number
  readonly class: number
  readonly transport: 'udp' | 'tcp'
  /** Of RD, AD and CD. */
  readonly flags: number
  readonly opt: { readonly size: number; readonly version: number; readonly dnssec: boolean } | null
}

/** Puts questions to a server at a port of 127.0.0.1, many at a time; answers come in the order of the questions. */
export async function askAll(port: number, questions: readonly Asked[]): Promise<Message[]> {
  const [udp, tcp] = (['udp', 'tcp'] as const).map((transport) =>
    questions.flatMap((question, at) =>
      question.transport === transport ? [[at, bytesOf(question, at)] as const] : [],
    ),
  )
  const found: Buffer[] = []
  const put = (reply: Buffer): void => void (found[reply.readUInt16BE(0)] = reply)
  await Promise.all([overUdp(port, udp ?? [], put), overTcp(port, tcp ?? [], put)])
  return questions.map((_, at) => {
    const reply = found[at]
    if (!reply) throw new Error(`question ${at} has no answer`)
    const message = read(reply)
    const { transport, opt } = questions[at] as Asked
    if (transport === 'udp' && reply.length > Math.max(512, opt?.size ?? 0))
      throw new Error(`the answer to question ${at} has ${reply.length} bytes`)
    return message
  })
}

/** The id is the question's number. */
function bytesOf({ name, type, class: of, flags, opt }: Asked, id: number): Buffer {
  return queryOf(name, type, { id, class: of, flags, ...(opt && { opt }) })
}

type Numbered = readonly (readonly [number, Buffer])[]
/** Under way at once on one socket: so few that no buffer overflows, and that nobody is one client too many. */
const window = 50
const patienceMs = 10_000

async function overUdp(port: number, queries: Numbered, put: (reply: Buffer) => void): Promise<void> {
  if (queries.length === 0) return
  const socket = createSocket('udp4')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const waiting = new Set<number>()
  let sent = 0
  const send = (): void => {
    for (; sent < queries.length && waiting.size < window; sent++) {
      const [id, bytes] = queries[sent] ?? [0, Buffer.alloc(0)]
      waiting.add(id)
      socket.send(bytes)
    }
    if (waiting.size === 0) resolve()
  }
  const timer = setTimeout(() => reject(new Error(`no answer over UDP to ${[...waiting].join(', ')}`)), patienceMs)
  socket.on('message', (reply) => {
    put(reply)
    waiting.delete(reply.readUInt16BE(0))
    send()
  })
  socket.on('error', reject)
  try {
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    send()
    await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

/** All on one connection; answers may come in any order. */
async function overTcp(port: number, queries: Numbered, put: (reply: Buffer) => void): Promise<void> {
  if (queries.length === 0) return
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer over TCP')))
  let [sent, answered] = [0, 0]
  const send = (): void => {
    for (; sent < queries.length && sent - answered < window; sent++)
      socket.write(framed(queries[sent]?.[1] ?? Buffer.alloc(0)))
  }
  send()
  const frames = new Frames()
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    frames.push(chunk)
    for (let reply = frames.next(); reply; reply = frames.next()) {
      put(reply)
      answered++
    }
    if (answered === queries.length) return
    send()
  }
  throw new Error(`the connection ended with ${queries.length - answered} questions unanswered`)
}
