import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import type { Codec } from './codec.ts'

const NFTA_LOOKUP_SET = 1
const NFTA_LOOKUP_SREG = 2
const NFTA_LOOKUP_DREG = 3
const NFTA_LOOKUP_FLAGS = 5
const NFT_LOOKUP_F_INV = 1

/**
 * Looks up the key in the registers from `from` on; the set knows how long it is. A miss ends the rule (a hit does, when
 * inverted). A map puts its data into the registers from `to` on, or does its verdict.
 */
export interface Lookup {
  readonly kind: 'lookup'
  readonly set: string
  readonly from: Register
  readonly to?: Register | 'verdict'
  readonly inverted?: true
}

export const lookup: Codec<Lookup> = {
  write(writer, { set, from, to, inverted }) {
    writer.string(NFTA_LOOKUP_SET, set)
    writeRegister(writer, NFTA_LOOKUP_SREG, from)
    if (to !== undefined) writeRegister(writer, NFTA_LOOKUP_DREG, to)
    if (inverted) writer.be32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV)
  },
  read(attributes) {
    const from = needed(readRegister(attributes, NFTA_LOOKUP_SREG), 'key of lookup')
    if (from === 'verdict') throw malformed('lookup of a verdict')
    const to = readRegister(attributes, NFTA_LOOKUP_DREG)
    return {
      kind: 'lookup',
      set: needed(attributes.string(NFTA_LOOKUP_SET), 'set of lookup'),
      from,
      ...(to === undefined ? {} : { to }),
      ...((attributes.be32(NFTA_LOOKUP_FLAGS) ?? 0) & NFT_LOOKUP_F_INV ? { inverted: true as const } : {}),
    }
  },
}
