import { malformed, needed } from '../data.ts'
import type { Codec } from './codec.ts'

const NFTA_LIMIT_RATE = 1
const NFTA_LIMIT_UNIT = 2
const NFTA_LIMIT_BURST = 3
const NFTA_LIMIT_TYPE = 4
const NFTA_LIMIT_FLAGS = 5
const NFT_LIMIT_PKTS = 0

/** Ends the rule for packets that come faster than `rate` in `seconds`, after so many at once. */
export interface Limit {
  readonly kind: 'limit'
  readonly rate: bigint
  /** 1, 60, 3600, 86,400 or 604,800. */
  readonly seconds: bigint
  readonly burst: number
}

export const limit: Codec<Limit> = {
  write(writer, { rate, seconds, burst }) {
    writer.be64(NFTA_LIMIT_RATE, rate)
    writer.be64(NFTA_LIMIT_UNIT, seconds)
    writer.be32(NFTA_LIMIT_BURST, burst)
    writer.be32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS)
    writer.be32(NFTA_LIMIT_FLAGS, 0)
  },
  read(attributes) {
    if ((attributes.be32(NFTA_LIMIT_TYPE) ?? 0) !== NFT_LIMIT_PKTS) throw malformed('a limit of bytes')
    if ((attributes.be32(NFTA_LIMIT_FLAGS) ?? 0) !== 0) throw malformed('a limit the other way round')
    return {
      kind: 'limit',
      rate: needed(attributes.be64(NFTA_LIMIT_RATE), 'rate of a limit'),
      seconds: needed(attributes.be64(NFTA_LIMIT_UNIT), 'time of a limit'),
      burst: attributes.be32(NFTA_LIMIT_BURST) ?? 0,
    }
  },
}
