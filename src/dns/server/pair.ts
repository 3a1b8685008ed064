import { codeOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Place } from '../config/config.ts'
import type { Connections } from './connections.ts'
import type { InFlight } from './in-flight.ts'
import type { Serve } from './serve.ts'
import { serveTcp } from './tcp.ts'
import { serveUdp } from './udp.ts'

/** A UDP and a TCP socket on one port, bound already. */
export interface Sockets {
  readonly udpFd: number
  readonly tcpFd: number
}

export interface PairOptions {
  readonly serve: Serve
  readonly log: Log
  readonly connections: Connections
  /** Other processes serve the same port. */
  readonly reusePort: boolean
}

export interface Pair {
  readonly port: number
  /** Takes no more questions, and answers those that have come. */
  close(inFlight: InFlight): Promise<void>
}

/** An upstream that is asked at the very end has its time, and no more. */
const settleMilliseconds = 3000

/** UDP and TCP on one port. With port 0 the number that UDP got may be taken for TCP: then another one is tried. */
export async function servePair(
  at: Place | Sockets,
  { serve, log, connections, reusePort }: PairOptions,
): Promise<Pair> {
  for (let attempt = 1; ; attempt++) {
    const udp = serveUdp('udpFd' in at ? { fd: at.udpFd } : { ...at, reusePort }, serve)
    try {
      const place = 'tcpFd' in at ? { fd: at.tcpFd } : { ...at, port: udp.port, reusePort }
      const tcp = await serveTcp(place, serve, log, connections)
      const close = async (inFlight: InFlight): Promise<void> => {
        udp.refuse()
        await Promise.all([tcp.close(settleMilliseconds), inFlight.settled(settleMilliseconds)])
        udp.close()
      }
      return { port: udp.port, close }
    } catch (error) {
      udp.close()
      const another = 'port' in at && at.port === 0 && attempt < 10
      const taken = codeOf(error) === 'EADDRINUSE'
      if (!another || !taken) throw error
    }
  }
}
