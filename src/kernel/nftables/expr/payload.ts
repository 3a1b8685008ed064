import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_PAYLOAD_DREG = 1
const NFTA_PAYLOAD_BASE = 2
const NFTA_PAYLOAD_OFFSET = 3
const NFTA_PAYLOAD_LEN = 4

export const payloadBases = { link: 0, network: 1, transport: 2 } as const

/** Copies bytes of the packet into registers; a packet too short for it ends the rule. */
export interface Payload {
  readonly kind: 'payload'
  readonly base: keyof typeof payloadBases
  readonly offset: number
  readonly length: number
  readonly to: Register
}

export const payload: Codec<Payload> = {
  write(writer, { base, offset, length, to }) {
    writeRegister(writer, NFTA_PAYLOAD_DREG, to)
    writer.be32(NFTA_PAYLOAD_BASE, payloadBases[base])
    writer.be32(NFTA_PAYLOAD_OFFSET, offset)
    writer.be32(NFTA_PAYLOAD_LEN, length)
  },
  read(attributes) {
    const to = readRegister(attributes, NFTA_PAYLOAD_DREG)
    if (to === undefined || to === 'verdict') throw malformed('a payload statement: only loads are known')
    return {
      kind: 'payload',
      base: needed(nameIn(payloadBases, attributes.be32(NFTA_PAYLOAD_BASE)), 'payload base'),
      offset: needed(attributes.be32(NFTA_PAYLOAD_OFFSET), 'payload offset'),
      length: needed(attributes.be32(NFTA_PAYLOAD_LEN), 'payload length'),
      to,
    }
  },
}
