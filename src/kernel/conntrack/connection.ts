import type { Family } from '../../base/address.ts'
import { type Message, viewOf } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { AF_INET, AF_INET6 } from '../rtnetlink/request.ts'
import { be16, be32, locate, malformed, placesFor } from './attributes.ts'
import { type Details, readDetails } from './details.ts'
import type { Matcher } from './filter.ts'
import { conntrackType, CTA, headerSize, IPCTNL_MSG_CT, writeHeader } from './message.ts'
import { readStatus, type Status } from './status.ts'
import { enterTuple, protocolHere, type Tuple, tupleHere, writeTuple } from './tuple.ts'

/** An entry of the connection table. */
export interface Connection {
  readonly family: Family
  /** IANA's number: 6 TCP, 17 UDP. */
  readonly protocol: number
  /** From who began, to whom. */
  readonly original: Tuple
  /** What answers look like before they are translated back: `source` is who really serves, `destination` whom it sees asking. */
  readonly reply: Tuple
  readonly status: ReadonlySet<Status>
  /** Tells apart entries that live at the same time; the kernel may give a later one with the same original tuple the same number. */
  readonly id: number
  /** Not given when 0. */
  readonly mark?: number
  /** Both directions are in this conntrack zone. */
  readonly zone?: number
  /** Until the entry goes, if no packet comes. */
  readonly timeoutSeconds?: number
  /** Only when asked for. */
  readonly details?: Details
}

const found = placesFor(CTA.TIMESTAMP)

/** Reads IPCTNL_MSG_CT_NEW; undefined for other messages, other families and what does not match. */
export function readConnection(
  message: Message,
  matches: Matcher = () => true,
  detailed = false,
): Connection | undefined {
  if (message.type !== conntrackType(IPCTNL_MSG_CT.NEW)) return undefined
  const view = viewOf(message.body)
  if (view.byteLength < headerSize) throw malformed(`a body of ${view.byteLength} bytes`)
  const af = view.getUint8(0)
  if (af !== AF_INET && af !== AF_INET6) return undefined
  const family = af === AF_INET ? 4 : 6
  locate(view, headerSize, view.byteLength, found)
  if (!enterTuple(view, found, CTA.TUPLE_ORIG)) throw malformed('a connection without a tuple')
  if (!matches(view, family)) return undefined
  const protocol = protocolHere(view)
  const original = tupleHere(view)
  if (!enterTuple(view, found, CTA.TUPLE_REPLY)) throw malformed('a connection without a reply tuple')
  const mark = be32(view, found, CTA.MARK)
  const zone = be16(view, found, CTA.ZONE)
  const timeoutSeconds = be32(view, found, CTA.TIMEOUT)
  const connection: { -readonly [Key in keyof Connection]: Connection[Key] } = {
    family,
    protocol,
    original,
    reply: tupleHere(view),
    status: readStatus(be32(view, found, CTA.STATUS) ?? 0),
    id: be32(view, found, CTA.ID) ?? 0,
  }
  if (mark) connection.mark = mark
  if (zone !== undefined) connection.zone = zone
  if (timeoutSeconds !== undefined) connection.timeoutSeconds = timeoutSeconds
  if (detailed) connection.details = readDetails(view, found)
  return connection
}

/**
 * Names one entry for a deletion: by its reply tuple, and by its number, which the kernel makes of the original tuple and the entry's place in
 * memory. So neither direction may differ. With the original tuple instead, the entry that comes right after it for the same sender would
 * be taken for it, because it is likely to get the same place.
 */
export function writeConnectionKey(writer: MessageWriter, { family, protocol, reply, zone, id }: Connection): void {
  writeHeader(writer, family)
  writeTuple(writer, CTA.TUPLE_REPLY, protocol, reply)
  if (zone !== undefined) writer.be16(CTA.ZONE, zone)
  writer.be32(CTA.ID, id)
}
