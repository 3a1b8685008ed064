import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/socket.ts'
import { type Message, splitHeader } from '../netlink/reader.ts'
import { ingressHandle, TCA_KIND, TCA_OPTIONS, tcmsg, writeHeader } from './qdisc.ts'
import type { Request } from './request.ts'

// linux/rtnetlink.h, linux/pkt_cls.h, linux/tc_act/tc_mirred.h
const RTM_NEWTFILTER = 44
export const RTM_GETTFILTER = 46
const TCA_U32_SEL = 5
const TCA_U32_ACT = 7
const TCA_ACT_KIND = 1
const TCA_ACT_OPTIONS = 2
const TCA_MIRRED_PARMS = 2
const TC_U32_TERMINAL = 1
const TC_ACT_STOLEN = 4
const TCA_EGRESS_REDIR = 1
const ETH_P_ALL = 3
const priority = 1
/** struct tc_u32_sel with one struct tc_u32_key of zeros, which every packet fits. */
const selector = 32
/** struct tc_mirred: index, capab, action, refcnt, bindcnt; eaction, index of the link. */
const mirred = 28

/** Sends all that comes in by a link out by another one instead; the link needs {@link addIngress}. */
export function redirectIngress(index: number, to: number): Request {
  return {
    op: `send what comes in by link ${index} out by link ${to}`,
    type: RTM_NEWTFILTER,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    already: 'EEXIST',
    write: (w) => {
      // The protocol is in network order in the lower half.
      writeHeader(w, index, 0, ingressHandle, (priority << 16) | (ETH_P_ALL << 8))
      w.string(TCA_KIND, 'u32')
      w.nest(TCA_OPTIONS, () => {
        const sel = new Uint8Array(selector)
        sel[0] = TC_U32_TERMINAL
        sel[2] = 1
        w.attribute(TCA_U32_SEL, sel)
        w.nest(TCA_U32_ACT, () =>
          w.nest(1, () => {
            w.string(TCA_ACT_KIND, 'mirred')
            w.nest(TCA_ACT_OPTIONS, () => {
              const bytes = new Uint8Array(mirred)
              const view = new DataView(bytes.buffer)
              view.setInt32(8, TC_ACT_STOLEN, true)
              view.setInt32(20, TCA_EGRESS_REDIR, true)
              view.setUint32(24, to, true)
              w.attribute(TCA_MIRRED_PARMS, bytes)
            })
          }),
        )
      })
    },
  }
}

/** The link that a filter sends packets out by; undefined for other messages and filters. */
export function readRedirect(message: Message): number | undefined {
  if (message.type !== RTM_NEWTFILTER) return undefined
  const { attributes } = splitHeader(message.body, tcmsg)
  const action = attributes.nested(TCA_OPTIONS)?.nested(TCA_U32_ACT)?.nested(1)
  if (action?.string(TCA_ACT_KIND) !== 'mirred') return undefined
  const bytes = action.nested(TCA_ACT_OPTIONS)?.bytes(TCA_MIRRED_PARMS)
  if (bytes === undefined || bytes.length < mirred) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getInt32(20, true) === TCA_EGRESS_REDIR ? view.getUint32(24, true) : undefined
}
