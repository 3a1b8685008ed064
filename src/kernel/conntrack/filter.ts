import { type Address, addressBytes, type Family, family } from '../../base/address.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { CTA, writeHeader } from './message.ts'
import {
  CTA_PROTO,
  CTA_TUPLE,
  destinationPortHere,
  isDestinationHere,
  protocolHere,
  writeDestination,
} from './tuple.ts'

const CTA_FILTER_ORIG_FLAGS = 1
// The kernel's own CTA_FILTER_F_* (net/netfilter/nf_conntrack_netlink.c has them in no header).
const IP_DST = 1 << 1
const PROTO_NUM = 1 << 3
const PROTO_DST_PORT = 1 << 5

/** Which connections: all that is given has to be so in the original direction. */
export interface ConnectionFilter {
  readonly family?: Family
  /** IANA's number: 6 TCP, 17 UDP. */
  readonly protocol?: number
  readonly destination?: Address
  readonly destinationPort?: number
}

/** The dumps that together give what was asked for: the kernel filters one family at a time, and refuses a filter without one. */
export function dumpsFor(filter: ConnectionFilter): readonly [ConnectionFilter, ...ConnectionFilter[]] {
  const of = filter.family ?? (filter.destination === undefined ? undefined : family(filter.destination))
  if (of !== undefined) return [{ ...filter, family: of }]
  if (filter.protocol === undefined) return [filter]
  return [
    { ...filter, family: 4 },
    { ...filter, family: 6 },
  ]
}

/**
 * The request for a dump, which the kernel filters as far as it can: by family always, by the rest since Linux 5.8; older ones pass over what they
 * do not know. So what comes is looked at again, by {@link matcher}. Two limits are the kernel's own: it compares a port only beside a
 * protocol, and its comparison of IPv6 addresses is the wrong way round: it gives those that differ (seen in 6.18), so it gets none.
 */
export function writeDump(writer: MessageWriter, { family: of, protocol, ...filter }: ConnectionFilter): void {
  writeHeader(writer, of)
  const destination = of === 4 ? filter.destination : undefined
  const port = protocol === undefined ? undefined : filter.destinationPort
  if (of === undefined || (destination === undefined && protocol === undefined)) return
  writer.nest(CTA.TUPLE_ORIG, () => {
    if (destination !== undefined) writer.nest(CTA_TUPLE.IP, () => writeDestination(writer, destination))
    if (protocol !== undefined)
      writer.nest(CTA_TUPLE.PROTO, () => {
        writer.u8(CTA_PROTO.NUM, protocol)
        if (port !== undefined) writer.be16(CTA_PROTO.DST_PORT, port)
      })
  })
  const flags =
    (destination === undefined ? 0 : IP_DST) |
    (protocol === undefined ? 0 : PROTO_NUM) |
    (port === undefined ? 0 : PROTO_DST_PORT)
  writer.nest(CTA.FILTER, () => writer.u32(CTA_FILTER_ORIG_FLAGS, flags))
}

/** Whether an entry, whose original tuple was just entered, is one of those asked for. */
export type Matcher = (view: DataView, family: Family) => boolean

export function matcher({ family, protocol, destination, destinationPort }: ConnectionFilter): Matcher {
  const bytes = destination === undefined ? undefined : addressBytes(destination)
  return (view, of) =>
    (family === undefined || of === family) &&
    (protocol === undefined || protocolHere(view) === protocol) &&
    (destinationPort === undefined || destinationPortHere(view) === destinationPort) &&
    (bytes === undefined || isDestinationHere(view, bytes))
}
