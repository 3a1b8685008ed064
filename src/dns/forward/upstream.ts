import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { type Address, family } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { type Reply, readReply } from './reply.ts'

/** A name server outside the cluster. */
export interface Upstream {
  address: Address
  port: number
}

/**
 * One question to one upstream: over UDP from a port of its own that the kernel picks at random, and over TCP when the answer
 * was cut. Rejects on time-out, on "port unreachable" and on bytes that are no answer over TCP; a stray datagram is ignored.
 */
export async function askUpstream(upstream: Upstream, query: Buffer, milliseconds: number): Promise<Reply> {
  const signal = AbortSignal.timeout(milliseconds)
  const reply = await overUdp(upstream, query, signal)
  if (!reply.truncated) return reply
  try {
    return await overTcp(upstream, query, signal)
  } catch {
    // The cut answer with its TC bit lets the client decide.
    return reply
  }
}

function overUdp({ address, port }: Upstream, query: Buffer, signal: AbortSignal): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const socket = createSocket(family(address) === 4 ? 'udp4' : 'udp6')
  const expire = (): void => reject(timedOut(address, port))
  signal.addEventListener('abort', expire)
  socket.on('error', reject)
  // A connected socket takes datagrams of this peer only, and hears that nobody listens there.
  socket.on('connect', () => socket.send(query, (error) => error && reject(error)))
  socket.on('message', (bytes) => {
    const reply = readReply(bytes, query)
    if (reply) resolve(reply)
  })
  socket.connect(port, address)
  return promise.finally(() => {
    signal.removeEventListener('abort', expire)
    socket.removeAllListeners('error').on('error', () => {})
    socket.close()
  })
}

function overTcp({ address, port }: Upstream, query: Buffer, signal: AbortSignal): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const socket = connect(port, address)
  const expire = (): void => reject(timedOut(address, port))
  signal.addEventListener('abort', expire)
  if (signal.aborted) expire()
  let have: Buffer = Buffer.alloc(0)
  socket.on('error', reject)
  socket.on('close', () => reject(noAnswer(address, port)))
  socket.on('connect', () => {
    const framed = Buffer.allocUnsafe(2 + query.length)
    framed.writeUInt16BE(query.length, 0)
    query.copy(framed, 2)
    socket.write(framed)
  })
  socket.on('data', (chunk: Buffer) => {
    have = Buffer.concat([have, chunk])
    if (have.length < 2 || have.length < 2 + have.readUInt16BE(0)) return
    const reply = readReply(have.subarray(2, 2 + have.readUInt16BE(0)), query)
    if (reply) resolve(reply)
    else reject(noAnswer(address, port))
  })
  return promise.finally(() => {
    signal.removeEventListener('abort', expire)
    socket.destroy()
  })
}

function timedOut(address: Address, port: number): KubehopError {
  return new KubehopError('dns', 'forward', 'Timeout', `${address} port ${port} did not answer in time`)
}

function noAnswer(address: Address, port: number): KubehopError {
  return new KubehopError('dns', 'forward', 'NoAnswer', `${address} port ${port} sent something that is no answer`)
}
