import type { Address } from '../../base/address.ts'
import { openPartner } from '../../kernel/partner.ts'
import type { Netns } from '../../kernel/netns.ts'
import { outcomes } from './outcomes.ts'

export interface Datagram {
  /** undefined: the namespace that this process is in. */
  ns: Netns | undefined
  from: { address: Address; port: number }
  to: { address: Address; port: number }
  payload: Uint8Array
  timeoutMs: number
  /** Nobody on the way may cut it. */
  dontFragment?: boolean
  signal?: AbortSignal
  /** Whether a datagram from the other side is the answer. Default: any. */
  accepts?: (message: Buffer) => boolean
}

export type DatagramOutcome =
  | { outcome: 'answered'; message: Buffer; ms: number }
  | { outcome: 'refused' | 'unreachable' | 'too-big' | 'timeout'; ms: number }

/** Sends one datagram from inside a namespace and waits for what comes back. The kernel tells the socket of every ICMP error. */
export function sendDatagram({
  ns,
  from,
  to,
  payload,
  timeoutMs,
  dontFragment = false,
  signal,
  accepts,
}: Datagram): Promise<DatagramOutcome> {
  const started = performance.now()
  const ms = (): number => performance.now() - started
  const socket = openPartner({ ns, kind: 'udp', from, to, dontFragment })
  let timer: NodeJS.Timeout | undefined
  let giveUp = (): void => {}
  return new Promise<DatagramOutcome>((resolve) => {
    const silent = (): void => resolve({ outcome: 'timeout', ms: ms() })
    const failed = (code: string): void => resolve({ outcome: outcomes[code] ?? 'unreachable', ms: ms() })
    timer = setTimeout(silent, timeoutMs)
    giveUp = silent
    signal?.addEventListener('abort', silent, { once: true })
    socket.follow((heard) => {
      if (heard.kind === 'error') failed(heard.code)
      else {
        const message = Buffer.from(heard.bytes)
        if (!accepts || accepts(message)) resolve({ outcome: 'answered', message, ms: ms() })
      }
    })
    const error = socket.send(payload)
    if (error !== undefined) failed(error)
  }).finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
    socket.close()
  })
}
