import type { Address } from '../../base/address.ts'
import { openDatagrams, type Peer } from '../../kernel/datagrams.ts'
import type { Asker } from '../handlers/handler.ts'
import type { Serve } from './serve.ts'

export interface UdpServer {
  port: number
  /** Takes no more questions; those that have come are answered until it is closed. */
  refuse(): void
  close(): void
}

/** Throws the system's error when the address is taken or not this machine's. `fd`: a bound socket, instead. `reusePort`: shared with other processes. */
export function serveUdp(
  at: { address: Address; port: number; reusePort?: boolean } | { fd: number },
  serve: Serve,
): UdpServer {
  const socket = openDatagrams({
    at,
    onDatagram(bytes, peer) {
      const asker = new UdpAsker(peer)
      /** Set while the answer can still go with those of others. */
      let now: Buffer | undefined
      let late = false
      serve(bytes, asker, (reply) => {
        if (reply && late) socket.send(reply, peer)
        else now = reply
      })
      late = true
      return now
    },
  })
  return socket
}

class UdpAsker implements Asker {
  readonly transport = 'udp'
  readonly family
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.family = peer.family
    this.#peer = peer
  }

  address(): Address {
    return this.#peer.address()
  }
}
