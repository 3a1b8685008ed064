import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket as TcpSocket } from 'node:net'
import { address } from '../../base/address.ts'
import type { UpstreamConfig } from '../config/config.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { framed, Frames } from '../wire/frames.ts'
import { flags, type Message, type ResourceRecord } from '../wire/message.ts'

export interface ScriptedUpstream extends UpstreamConfig {
  /** Every question, in the order they came: `udp name`. */
  asked: string[]
  /** Ends it at once; again: nothing. */
  close(): void
}

/** What to send for a question: messages in this order, or raw bytes; none is silence. */
export type Script = (query: Message, transport: 'udp' | 'tcp') => (Message | Buffer)[]

/** A name server that says what a test wants, on a free port or on `port`. */
export async function scriptedUpstream(script: Script, port: number = 0): Promise<ScriptedUpstream> {
  const asked: string[] = []
  const answers = (bytes: Buffer, transport: 'udp' | 'tcp'): Buffer[] => {
    const query = decodeMessage(bytes)
    if (!query) throw new Error('the forwarder sent something malformed')
    asked.push(`${transport} ${query.questions[0]?.name}`)
    return script(query, transport).map((one) => (Buffer.isBuffer(one) ? one : encodeMessage(one)))
  }
  const udp = createSocket('udp4')
  udp.on('message', (bytes, from) => {
    for (const reply of answers(bytes, 'udp')) udp.send(reply, from.port, from.address)
  })
  const connections = new Set<TcpSocket>()
  const tcp = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => {})
    const frames = new Frames()
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk)
      for (let bytes = frames.next(); bytes; bytes = frames.next())
        for (const reply of answers(bytes, 'tcp')) socket.write(framed(reply))
    })
  })
  await bindBoth(udp, tcp, port)
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    udp.close()
    tcp.close()
    for (const socket of connections) socket.destroy()
  }
  return { address: address('127.0.0.1'), port: udp.address().port, asked, close }
}

export function replyTo(query: Message, answers: ResourceRecord[], more: Partial<Message> = {}): Message {
  const word = flags.QR | flags.RD | flags.RA
  return { ...query, flags: word, rcode: 0, answers, authorities: [], additionals: [], ...more }
}

export function record(name: string, ip: string, ttl = 300): ResourceRecord {
  return { name, class: 1, ttl, type: 'A', address: address(ip) }
}

/** One port of both protocols. One that is free for TCP may be somebody's for UDP: then another. */
async function bindBoth(udp: Socket, tcp: Server, port: number): Promise<void> {
  for (;;) {
    tcp.listen(port, '127.0.0.1')
    await once(tcp, 'listening')
    try {
      udp.bind((tcp.address() as AddressInfo).port, '127.0.0.1')
      await once(udp, 'listening')
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      tcp.close()
      await once(tcp, 'close')
    }
  }
}
