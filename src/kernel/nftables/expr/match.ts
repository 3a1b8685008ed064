import { needed } from '../data.ts'
import type { Codec } from './codec.ts'

const NFTA_MATCH_NAME = 1
const NFTA_MATCH_REV = 2
const NFTA_MATCH_INFO = 3

/** A match of the older iptables, carried by nft_compat; `info` is the match's own struct, as its header in linux/netfilter/ has it. */
export interface Match {
  readonly kind: 'match'
  readonly name: string
  readonly revision: number
  readonly info: Uint8Array
}

export const match: Codec<Match> = {
  write(writer, { name, revision, info }) {
    writer.string(NFTA_MATCH_NAME, name)
    writer.be32(NFTA_MATCH_REV, revision)
    writer.attribute(NFTA_MATCH_INFO, info)
  },
  read(attributes) {
    return {
      kind: 'match',
      name: needed(attributes.string(NFTA_MATCH_NAME), 'name of a match'),
      revision: attributes.be32(NFTA_MATCH_REV) ?? 0,
      info: attributes.bytes(NFTA_MATCH_INFO) ?? new Uint8Array(0),
    }
  },
}
