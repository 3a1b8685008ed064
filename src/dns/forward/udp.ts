import { createSocket } from 'node:dgram'
import { type Address, family } from '../../base/address.ts'
import { lost, timedOut } from './failure.ts'
import { type Reply, readReply } from './reply.ts'

interface Place {
  readonly address: Address
  readonly port: number
  /** For people. */
  readonly name: string
}

/**
 * One question from a port of its own, which the kernel picks at random: whoever wants to answer in the upstream's place has to
 * guess port and id together, some 2^31 of them, within one round trip, and learns nothing for the next question. A pool of
 * open sockets would be cheaper and would give the port away to whoever can make us ask a server of theirs. Rejects on time-out
 * and on "port unreachable"; bytes that are not the answer are ignored. `background`: the process
 * may end meanwhile.
 */
export function askOverUdp(at: Place, question: Buffer, milliseconds: number, background = false): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const socket = createSocket(family(at.address) === 4 ? 'udp4' : 'udp6')
  const failed = (error: Error): void => reject(lost(at.name, error))
  const timer = setTimeout(() => reject(timedOut(at.name)), milliseconds)
  if (background) {
    timer.unref()
    socket.unref()
  }
  socket.on('error', failed)
  // A connected socket takes datagrams of this peer only, and hears that nobody listens there.
  socket.on('connect', () => socket.send(question, (error) => error && failed(error)))
  socket.on('message', (bytes) => {
    const reply = readReply(bytes, question)
    if (reply) resolve(reply)
  })
  socket.connect(at.port, at.address)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.removeAllListeners('error').on('error', () => {})
    socket.close()
  })
}
