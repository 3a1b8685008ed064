import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/socket.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import type { Request } from './request.ts'

// linux/rtnetlink.h, linux/pkt_sched.h
const NLM_F_REPLACE = 0x100
const RTM_NEWQDISC = 36
export const RTM_GETQDISC = 38
/** struct tcmsg: family and padding, index of the link, handle, parent, info. */
export const tcmsg = 20
export const TCA_KIND = 1
export const TCA_OPTIONS = 2
const TC_H_ROOT = 0xffffffff
const TC_H_INGRESS = 0xfffffff1
/** The queueing discipline of what comes in by a link; filters name it as their parent. */
export const ingressHandle = 0xffff0000
const rootHandle = 0x00010000
const TCA_TBF_PARMS = 1
const TCA_TBF_RATE64 = 4
const TCA_TBF_BURST = 6
const TC_LINKLAYER_ETHERNET = 1
const ratespec = 12
const tbfParms = 36

/** What a link's packets wait in before they leave it. */
export interface Qdisc {
  /** Of the link. */
  readonly index: number
  /** `tbf`, `ingress`, `noqueue`, ... */
  readonly kind: string
  /** Where on the link; the others are beneath another one. */
  readonly place: 'root' | 'ingress' | 'beneath'
  readonly tbf: TokenBucket | undefined
}

/** A token bucket filter (tc-tbf(8)), its amounts in bytes. */
export interface TokenBucket {
  /** Each second. */
  readonly rate: bigint
  /** How many bytes may wait. */
  readonly limit: number
}

/**
 * Lets out `rate` bytes each second, and `burst` at once when nothing was sent for a while. `limit` bytes may wait, what is more is dropped.
 * Packets above `burst` are segmented where their sender left that to the device, and dropped otherwise. Replaces the link's own.
 */
export function setTokenBucket(index: number, { rate, limit, burst }: TokenBucket & { burst: number }): Request {
  return {
    op: `limit the rate of link ${index}`,
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    write: (w) => {
      writeHeader(w, index, rootHandle, TC_H_ROOT)
      w.string(TCA_KIND, 'tbf')
      w.nest(TCA_OPTIONS, () => {
        const bytes = new Uint8Array(tbfParms)
        const view = new DataView(bytes.buffer)
        view.setUint8(1, TC_LINKLAYER_ETHERNET)
        view.setUint32(8, rate > 0xffffffffn ? 0xffffffff : Number(rate), true)
        view.setUint32(2 * ratespec, limit, true)
        w.attribute(TCA_TBF_PARMS, bytes)
        w.u32(TCA_TBF_BURST, burst)
        if (rate > 0xffffffffn) w.u64(TCA_TBF_RATE64, rate)
      })
    },
  }
}

/** Where filters of what comes in by the link can be put. Fine when it is there. */
export function addIngress(index: number): Request {
  return {
    op: `look at what comes in by link ${index}`,
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    already: 'EEXIST',
    write: (w) => {
      writeHeader(w, index, ingressHandle, TC_H_INGRESS)
      w.string(TCA_KIND, 'ingress')
    },
  }
}

export function readQdisc(message: Message): Qdisc | undefined {
  if (message.type !== RTM_NEWQDISC) return undefined
  const { header, attributes } = splitHeader(message.body, tcmsg)
  const kind = attributes.string(TCA_KIND) ?? ''
  const parent = header.getUint32(12, true)
  const options = kind === 'tbf' ? attributes.nested(TCA_OPTIONS) : undefined
  const parms = options?.bytes(TCA_TBF_PARMS)
  const view = parms && parms.length >= tbfParms && new DataView(parms.buffer, parms.byteOffset, parms.length)
  return {
    index: header.getInt32(4, true),
    kind,
    place: parent === TC_H_ROOT ? 'root' : parent === TC_H_INGRESS ? 'ingress' : 'beneath',
    tbf: view
      ? {
          rate: options?.u64(TCA_TBF_RATE64) ?? BigInt(view.getUint32(8, true)),
          limit: view.getUint32(2 * ratespec, true),
        }
      : undefined,
  }
}

export function writeHeader(w: MessageWriter, index: number, handle: number, parent: number, info = 0): void {
  const header = w.header(tcmsg)
  header.setInt32(4, index, true)
  header.setUint32(8, handle, true)
  header.setUint32(12, parent, true)
  header.setUint32(16, info, true)
}
