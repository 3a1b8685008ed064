import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_NG_DREG = 1
const NFTA_NG_MODULUS = 2
const NFTA_NG_TYPE = 3
const NFTA_NG_OFFSET = 4

export const numgenModes = { inc: 0, random: 1 } as const

/** A number from `offset` to `offset + modulus - 1` in the machine's byte order. The modulus is part of the rule. */
export interface Numgen {
  readonly kind: 'numgen'
  readonly mode: keyof typeof numgenModes
  readonly modulus: number
  readonly offset: number
  readonly to: Register
}

export const numgen: Codec<Numgen> = {
  write(writer, { mode, modulus, offset, to }) {
    writeRegister(writer, NFTA_NG_DREG, to)
    writer.be32(NFTA_NG_MODULUS, modulus)
    writer.be32(NFTA_NG_TYPE, numgenModes[mode])
    writer.be32(NFTA_NG_OFFSET, offset)
  },
  read(attributes) {
    const to = needed(readRegister(attributes, NFTA_NG_DREG), 'target of numgen')
    if (to === 'verdict') throw malformed('numgen into the verdict register')
    return {
      kind: 'numgen',
      mode: needed(nameIn(numgenModes, attributes.be32(NFTA_NG_TYPE)), 'mode of numgen'),
      modulus: needed(attributes.be32(NFTA_NG_MODULUS), 'modulus of numgen'),
      offset: attributes.be32(NFTA_NG_OFFSET) ?? 0,
      to,
    }
  },
}
