import { type Address, addressBytes, addressFromBytes } from '../../src/base/address.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { whenReadable } from '../../src/kernel/reactor.ts'
import { ABORT, crc32c, INIT, INIT_ACK } from '../../src/trace/packet/sctp.ts'
import { listenRaw, sendRaw } from './raw-socket.ts'

const SCTP = 132
const unheard: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN'])

/** As much of an SCTP stack as answers an INIT (RFC 9260, 5.1 and 8.4), for kernels that have none. On all other ports it refuses. */
export function serveSctp(ns: Netns, port: number): Disposable {
  const heard = listenRaw(ns, SCTP)
  const sender = sendRaw(ns)
  const stop = whenReadable(heard.fd, () => {
    for (const packet of heard.read()) {
      const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
      const at = (view.getUint8(0) & 15) * 4
      const chunk = packet.subarray(at)
      if (view.getUint8(at + 12) !== INIT || !checks(chunk)) continue
      const from = addressFromBytes(packet.slice(12, 16))
      const to = addressFromBytes(packet.slice(16, 20))
      try {
        sender.send(answer({ from: to, to: from, init: chunk, takes: port }), from)
      } catch (error) {
        // Its machine has lost its way to who asks: nobody hears it.
        if (!unheard.has((error as { code?: string }).code ?? '')) throw error
      }
    }
  })
  return {
    [Symbol.dispose](): void {
      stop()
      heard.close()
      sender.close()
    },
  }
}

function checks(packet: Uint8Array): boolean {
  const copy = packet.slice()
  copy.fill(0, 8, 12)
  return new DataView(packet.buffer, packet.byteOffset).getUint32(8, true) === crc32c(copy)
}

function answer({
  from,
  to,
  init,
  takes,
}: {
  from: Address
  to: Address
  init: Uint8Array
  takes: number
}): Uint8Array {
  const asked = new DataView(init.buffer, init.byteOffset)
  const yes = asked.getUint16(2) === takes
  const body = new Uint8Array(yes ? 32 : 16)
  const view = new DataView(body.buffer)
  view.setUint16(0, asked.getUint16(2))
  view.setUint16(2, asked.getUint16(0))
  view.setUint32(4, asked.getUint32(16))
  view.setUint8(12, yes ? INIT_ACK : ABORT)
  view.setUint16(14, body.length - 12)
  if (yes) {
    view.setUint32(16, 0x5c7b0001)
    view.setUint32(20, 65_536)
    view.setUint16(24, 1)
    view.setUint16(26, 1)
    view.setUint32(28, 1)
  }
  view.setUint32(8, crc32c(body), true)
  const packet = new Uint8Array(20 + body.length)
  // The kernel fills in the length and the checksum.
  packet.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, SCTP])
  packet.set(addressBytes(from), 12)
  packet.set(addressBytes(to), 16)
  packet.set(body, 20)
  return packet
}
