import { setImmediate } from 'node:timers/promises'
import { errnoOf } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import { NLM_F_REQUEST, type NetlinkSocket } from '../netlink/socket.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { type Element, readElements, writeElements } from './element.ts'
import { NFT_MSG, nftType, readHeader } from './message.ts'
import type { Packed } from './packed.ts'
import { writeSetKey } from './set.ts'
import type { Table } from './table.ts'

const ENOENT = errnoOf('ENOENT')

/**
 * What a set has for these keys, `atOnce` of them (64 when left out) in each turn of the event loop; keys that it has not are left out.
 *
 * A dump cannot be read like this: for each of its messages the kernel counts its way from the set's first element (2 ms for the last
 * ones of 100,000), and it skips or repeats elements when the set is changed meanwhile. A key is found at once, in a set of any size, and
 * between two turns the socket is free.
 */
export async function* readElementsSlowly(
  socket: NetlinkSocket,
  table: Table,
  set: string,
  keys: Iterable<Packed>,
  atOnce = 64,
): AsyncGenerator<Element[], void> {
  let asked: Pick<Element, 'key'>[] = []
  for (const key of keys) {
    if (asked.push({ key }) < atOnce) continue
    yield readSome(socket, table, set, asked)
    asked = []
    await setImmediate()
  }
  if (asked.length > 0) yield readSome(socket, table, set, asked)
}

function readSome(socket: NetlinkSocket, table: Table, set: string, asked: readonly Element[]): Element[] {
  const op = `read elements of ${set}`
  const found: Element[] = []
  const writer = new MessageWriter(1 << 13)
  for (let at = 0; at < asked.length; ) {
    let next = at
    writer.clear()
    writer.message(nftType(NFT_MSG.GETSETELEM), NLM_F_REQUEST, (w) => {
      next = at + writeElements(w, table, set, asked.slice(at).values())
    })
    const { errors, messages } = socket.batch(op, writer)
    for (const message of messages) readElements(readHeader(message).attributes, (element) => found.push(element))
    const [error] = errors
    if (!error) {
      at = next
      continue
    }
    const { errno, say } = error.ack
    if (errno !== ENOENT) throw new NetlinkError(op, errno, say)
    // The kernel answers one by one and stops at what it has not: a key, or else the set, for which the answer is the same.
    if (messages.length === 0) socket.request(op, nftType(NFT_MSG.GETSET), 0, (w) => writeSetKey(w, table, set))
    at += messages.length + 1
  }
  return found
}
