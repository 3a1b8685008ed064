import {
  type Data,
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
import type { Verdict } from '../data.ts'
import type { Codec } from './codec.ts'

const NFTA_IMMEDIATE_DREG = 1
const NFTA_IMMEDIATE_DATA = 2

/** A constant into registers, or, as a verdict, what becomes of the packet. */
export type Immediate =
  | { readonly kind: 'immediate'; readonly to: Register; readonly value: Packed }
  | { readonly kind: 'immediate'; readonly verdict: Verdict }

export const immediate: Codec<Immediate> = {
  write(writer, expr) {
    const data: Data = 'verdict' in expr ? expr.verdict : expr.value
    writeRegister(writer, NFTA_IMMEDIATE_DREG, 'verdict' in expr ? 'verdict' : expr.to)
    writeData(writer, NFTA_IMMEDIATE_DATA, data)
  },
  read(attributes) {
    const to = needed(readRegister(attributes, NFTA_IMMEDIATE_DREG), 'register of immediate')
    const data = needed(readData(attributes, NFTA_IMMEDIATE_DATA), 'data of immediate')
    if (to === 'verdict' && isVerdict(data)) return { kind: 'immediate', verdict: data }
    if (to === 'verdict' || isVerdict(data)) throw malformed('immediate data in the wrong register')
    return { kind: 'immediate', to, value: data }
  },
}
