import { createSocket } from 'node:dgram'
import type { Address } from '../../base/address.ts'
import { bindUdp } from '../../kernel/socket.ts'
import type { Netns } from '../../kernel/netns.ts'
import { outcomes } from './outcomes.ts'

export interface Datagram {
  /** undefined: the namespace that this process is in. */
  ns: Netns | undefined
  from: { address: Address; port: number }
  to: { address: Address; port: number }
  payload: Uint8Array
  timeoutMs: number
  signal?: AbortSignal
  /** Whether a datagram from the other side is the answer. Default: any. */
  accepts?: (message: Buffer) => boolean
}

export type DatagramOutcome =
  | { outcome: 'answered'; message: Buffer; ms: number }
  | { outcome: 'refused' | 'unreachable' | 'too-big' | 'timeout'; ms: number }

/** Sends one datagram from inside a namespace and waits for what comes back. The socket is connected: the kernel tells it of ICMP errors. */
export function sendDatagram({
  ns,
  from,
  to,
  payload,
  timeoutMs,
  signal,
  accepts,
}: Datagram): Promise<DatagramOutcome> {
  const socket = createSocket('udp4')
  const started = performance.now()
  return new Promise<DatagramOutcome>((resolve, reject) => {
    const ms = (): number => performance.now() - started
    const timer = setTimeout(() => resolve({ outcome: 'timeout', ms: ms() }), timeoutMs)
    signal?.addEventListener('abort', () => resolve({ outcome: 'timeout', ms: ms() }), { once: true })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const outcome = outcomes[error.code ?? '']
      if (outcome) resolve({ outcome, ms: ms() })
      else reject(error)
    })
    socket.on('message', (message) => {
      if (!accepts || accepts(message)) resolve({ outcome: 'answered', message, ms: ms() })
    })
    socket.on('close', () => clearTimeout(timer))
    socket.bind({ fd: bindUdp(ns, from.address, from.port, { errors: true }) }, () => {
      socket.connect(to.port, to.address, () => socket.send(payload))
    })
  }).finally(() => {
    socket.close()
  })
}
