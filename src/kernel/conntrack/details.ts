import { locateIn, type Places, placeOf, placesFor, u8 } from './attributes.ts'
import { CTA } from './message.ts'

// linux/netfilter/nfnetlink_conntrack.h: enum ctattr_protoinfo, ctattr_protoinfo_tcp, ctattr_counters, ctattr_tstamp.
const CTA_PROTOINFO_TCP = 1
const CTA_PROTOINFO_STATE = 1
const CTA_COUNTERS = { PACKETS: 1, BYTES: 2 } as const
const CTA_TIMESTAMP_START = 1

/** enum tcp_conntrack (linux/netfilter/nf_conntrack_tcp.h), as the `conntrack` program prints it. */
const tcpStates = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const
export type TcpState = (typeof tcpStates)[number]

/** What an entry says beside its tuples. */
export interface Details {
  readonly tcpState?: TcpState
  /** Of both directions together; only while net.netfilter.nf_conntrack_acct is set. */
  readonly counters?: { readonly packets: number; readonly bytes: number }
  /** Milliseconds since 1970; only for entries that began while net.netfilter.nf_conntrack_timestamp was set. */
  readonly began?: number
}

const inProtocol = placesFor(CTA_PROTOINFO_TCP)
const inTcp = placesFor(CTA_PROTOINFO_STATE)
const inCounters = placesFor(CTA_COUNTERS.BYTES)
const inTimestamp = placesFor(CTA_TIMESTAMP_START)

/** `found`: where the entry's attributes are. */
export function readDetails(view: DataView, found: Places): Details {
  const tcpState =
    locateIn(view, found, CTA.PROTOINFO, inProtocol) && locateIn(view, inProtocol, CTA_PROTOINFO_TCP, inTcp)
      ? tcpStates[u8(view, inTcp, CTA_PROTOINFO_STATE) ?? tcpStates.length]
      : undefined
  let counters: Details['counters']
  for (const type of [CTA.COUNTERS_ORIG, CTA.COUNTERS_REPLY])
    if (locateIn(view, found, type, inCounters))
      counters = {
        packets: (counters?.packets ?? 0) + be64(view, inCounters, CTA_COUNTERS.PACKETS),
        bytes: (counters?.bytes ?? 0) + be64(view, inCounters, CTA_COUNTERS.BYTES),
      }
  const nanoseconds = locateIn(view, found, CTA.TIMESTAMP, inTimestamp)
    ? be64(view, inTimestamp, CTA_TIMESTAMP_START)
    : 0
  return {
    ...(tcpState !== undefined && { tcpState }),
    ...(counters && { counters }),
    ...(nanoseconds > 0 && { began: Math.round(nanoseconds / 1e6) }),
  }
}

/** As a number: exact up to 2^53, which no counter of a connection reaches. */
function be64(view: DataView, places: Places, type: number): number {
  const at = placeOf(places, type, 8)
  return at === 0 ? 0 : Number(view.getBigUint64(at))
}
