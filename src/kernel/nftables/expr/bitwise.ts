import {
  isVerdict,
  malformed,
  needed,
  readData,
  readRegister,
  type Register,
  writeData,
  writeRegister,
} from '../data.ts'
import type { Packed } from '../packed.ts'
import type { Codec } from './codec.ts'

const NFTA_BITWISE_SREG = 1
const NFTA_BITWISE_DREG = 2
const NFTA_BITWISE_LEN = 3
const NFTA_BITWISE_MASK = 4
const NFTA_BITWISE_XOR = 5
const NFTA_BITWISE_OP = 6
const NFT_BITWISE_MASK_XOR = 0

/** `to = (from & mask) ^ xor`, byte by byte. */
export interface Bitwise {
  readonly kind: 'bitwise'
  readonly from: Register
  readonly to: Register
  readonly mask: Packed
  readonly xor: Packed
}

export const bitwise: Codec<Bitwise> = {
  write(writer, { from, to, mask, xor }) {
    writeRegister(writer, NFTA_BITWISE_SREG, from)
    writeRegister(writer, NFTA_BITWISE_DREG, to)
    writer.be32(NFTA_BITWISE_LEN, mask.length)
    writer.be32(NFTA_BITWISE_OP, NFT_BITWISE_MASK_XOR)
    writeData(writer, NFTA_BITWISE_MASK, mask)
    writeData(writer, NFTA_BITWISE_XOR, xor)
  },
  read(attributes) {
    const op = attributes.be32(NFTA_BITWISE_OP) ?? NFT_BITWISE_MASK_XOR
    if (op !== NFT_BITWISE_MASK_XOR) throw malformed(`bitwise operation ${op}`)
    const from = needed(readRegister(attributes, NFTA_BITWISE_SREG), 'source of bitwise')
    const to = needed(readRegister(attributes, NFTA_BITWISE_DREG), 'target of bitwise')
    if (from === 'verdict' || to === 'verdict') throw malformed('bitwise of a verdict')
    const mask = needed(readData(attributes, NFTA_BITWISE_MASK), 'mask of bitwise')
    const xor = needed(readData(attributes, NFTA_BITWISE_XOR), 'xor of bitwise')
    if (isVerdict(mask) || isVerdict(xor)) throw malformed('bitwise with a verdict')
    return { kind: 'bitwise', from, to, mask, xor }
  },
}
