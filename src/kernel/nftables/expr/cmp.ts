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
import { type Codec, nameIn } from './codec.ts'

const NFTA_CMP_SREG = 1
const NFTA_CMP_OP = 2
const NFTA_CMP_DATA = 3

export const cmpOps = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const

/** Ends the rule unless the register's bytes compare so (as memcmp does: numbers must be in network order to be ordered). */
export interface Cmp {
  readonly kind: 'cmp'
  readonly from: Register
  readonly op: keyof typeof cmpOps
  readonly value: Packed
}

export const cmp: Codec<Cmp> = {
  write(writer, { from, op, value }) {
    writeRegister(writer, NFTA_CMP_SREG, from)
    writer.be32(NFTA_CMP_OP, cmpOps[op])
    writeData(writer, NFTA_CMP_DATA, value)
  },
  read(attributes) {
    const from = needed(readRegister(attributes, NFTA_CMP_SREG), 'register of cmp')
    const value = needed(readData(attributes, NFTA_CMP_DATA), 'value of cmp')
    if (from === 'verdict' || isVerdict(value)) throw malformed('cmp of a verdict')
    return { kind: 'cmp', from, op: needed(nameIn(cmpOps, attributes.be32(NFTA_CMP_OP)), 'operator of cmp'), value }
  },
}
