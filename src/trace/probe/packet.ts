import { randomInt } from 'node:crypto'
import type { Netns } from '../../kernel/netns.ts'
import { openPartner } from '../../kernel/partner.ts'
import { encodeEcho, readEcho } from '../packet/echo.ts'
import { ABORT, encodeInit, INIT_ACK, readSctp } from '../packet/sctp.ts'
import { ICMP, SCTP } from '../packet/transport.ts'
import { outcomes } from './outcomes.ts'
import { payloadOf } from './payload.ts'
import type { Answer, PacketSpec, Size } from './spec.ts'

type Outcome = Extract<Answer, { kind: 'sent' }>['outcome']

/** What is sent, and how its answer is recognised. */
interface Talk {
  readonly protocol: number
  readonly packet: Uint8Array
  /** undefined for what does not answer this packet. */
  answer(bytes: Uint8Array): Outcome | undefined
}

/** How often it is sent again when nothing comes back, in ms: as often as TCP does. */
const again = 1000

/** Sends a packet that no ordinary socket sends, by a raw one, and waits for what comes back. */
export function sendPacket(spec: PacketSpec, ns: Netns | undefined, signal: AbortSignal): Promise<Answer> {
  const talk = spec.kind === 'icmp' ? echo(spec) : init(spec)
  const { protocol, packet } = talk
  const started = performance.now()
  const dontFragment = spec.kind === 'icmp' && spec.dontFragment === true
  const socket = openPartner({ ns, kind: protocol, from: spec.from, to: spec.to, dontFragment })
  const timers: NodeJS.Timeout[] = []
  let giveUp = (): void => {}
  return new Promise<Answer>((resolve) => {
    const done = (outcome: Outcome): void => resolve({ kind: 'sent', outcome, ms: performance.now() - started })
    const send = (): void => {
      const failed = socket.send(packet)
      if (failed !== undefined) done(outcomes[failed] ?? 'unreachable')
    }
    timers.push(setTimeout(done, spec.timeoutMs, 'timeout'), setInterval(send, Math.min(again, spec.timeoutMs / 2)))
    giveUp = () => done('timeout')
    signal.addEventListener('abort', giveUp, { once: true })
    socket.follow((heard) => {
      if (heard.kind === 'packet') {
        const outcome = talk.answer(heard.bytes)
        if (outcome) done(outcome)
        // Of a message about another program's packet to the same partner this one has nothing to fear.
      } else if (isAbout(heard.about, packet)) done(outcomes[heard.code] ?? 'unreachable')
    })
    send()
  }).finally(() => {
    for (const timer of timers) clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    socket.close()
  })
}

/** SCTP's INIT by hand: nothing else is needed to hear whether somebody takes associations, and few kernels have SCTP sockets. */
function init({ from, to }: PacketSpec): Talk {
  const tag = randomInt(1, 2 ** 32)
  return {
    protocol: SCTP,
    packet: encodeInit({ from: from.port, to: to.port, tag }),
    answer(bytes) {
      const read = readSctp(bytes, false)
      if (read?.verificationTag !== tag || read.destinationPort !== from.port) return undefined
      return read.chunk === INIT_ACK ? 'answered' : read.chunk === ABORT ? 'refused' : undefined
    },
  }
}

function echo({ from, size }: PacketSpec & Size): Talk {
  const payload = payloadOf(size)
  return {
    protocol: ICMP,
    packet: encodeEcho({ id: from.port, sequence: 1, payload }),
    answer(bytes) {
      const read = readEcho(bytes)
      return read && Buffer.compare(read, payload) === 0 ? 'answered' : undefined
    },
  }
}

/** Eight bytes are quoted for sure (RFC 792): ports, or the echo's identifier and number. */
function isAbout(quoted: Uint8Array, packet: Uint8Array): boolean {
  const length = Math.min(quoted.length, packet.length, 8)
  // Where the kernel kept no quote, it is about this socket's own packet: it sent no other.
  return Buffer.compare(quoted.subarray(0, length), packet.subarray(0, length)) === 0
}
