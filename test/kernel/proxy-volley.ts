import { setTimeout as after } from 'node:timers/promises'
import type { Netns } from '../../src/kernel/netns.ts'
import { whenReadable } from '../../src/kernel/reactor.ts'
import { protocols } from '../../src/proxy/layout/keys.ts'
import { type Flight, read, write } from './packet-bytes.ts'
import { listenRaw, sendRaw } from './raw-socket.ts'

/** As many as surely wait in a socket until they are read. */
const atOnce = 100
const patience = 10_000

/** Sends very many datagrams from one namespace, and counts which address and port each arrives at in another; all of them have to. */
export async function volley(
  from: Netns,
  to: Netns,
  flights: readonly Omit<Flight, 'id'>[],
): Promise<Map<string, number>> {
  const ear = listenRaw(to, protocols.UDP)
  const sender = sendRaw(from)
  const counts = new Map<string, number>()
  const all = Promise.withResolvers<void>()
  let missing = flights.length
  const hear = (): void => {
    for (const packet of ear.read()) {
      const sign = read(packet)
      if (sign?.is !== 'arrival') continue
      const at = `${sign.flight.to}:${sign.flight.port}`
      counts.set(at, (counts.get(at) ?? 0) + 1)
      if (--missing === 0) all.resolve()
    }
  }
  const stop = whenReadable(ear.fd, hear)
  const deadline = new AbortController()
  try {
    for (const [at, flight] of flights.entries()) {
      sender.send(write({ ...flight, id: at }), flight.to)
      if (at % atOnce === atOnce - 1) hear()
    }
    await Promise.race([
      all.promise,
      after(patience, undefined, { signal: deadline.signal }).then(() => {
        throw new Error(`${missing} of ${flights.length} datagrams did not arrive`)
      }),
    ])
    return counts
  } finally {
    deadline.abort()
    stop()
    sender.close()
    ear.close()
  }
}
