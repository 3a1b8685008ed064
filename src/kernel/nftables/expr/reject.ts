import { needed } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_REJECT_TYPE = 1
const NFTA_REJECT_ICMP_CODE = 2

/** icmp is of the table's own family; icmpx is translated to it, for inet and bridge tables. */
const rejectTypes = { icmp: 0, 'tcp reset': 1, icmpx: 2 } as const
/** Destination unreachable, port unreachable (RFC 792). */
export const portUnreachable = 3

/** Drops the packet and tells its sender. In hooks prerouting (Linux 5.9), input, forward and output only. */
export interface Reject {
  readonly kind: 'reject'
  readonly with: keyof typeof rejectTypes
  /** The code of ICMP destination unreachable; 0 for tcp reset. */
  readonly code: number
}

export const reject: Codec<Reject> = {
  write(writer, expr) {
    writer.be32(NFTA_REJECT_TYPE, rejectTypes[expr.with])
    if (expr.with !== 'tcp reset') writer.u8(NFTA_REJECT_ICMP_CODE, expr.code)
  },
  read(attributes) {
    return {
      kind: 'reject',
      with: needed(nameIn(rejectTypes, attributes.be32(NFTA_REJECT_TYPE)), 'type of reject'),
      code: attributes.u8(NFTA_REJECT_ICMP_CODE) ?? 0,
    }
  },
}
