import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_DYNSET_SET_NAME = 1
const NFTA_DYNSET_OP = 3
const NFTA_DYNSET_SREG_KEY = 4
const NFTA_DYNSET_SREG_DATA = 5
const NFTA_DYNSET_TIMEOUT = 6
const NFTA_DYNSET_EXPR = 7
const NFTA_DYNSET_FLAGS = 9
const NFTA_DYNSET_EXPRESSIONS = 10

const dynsetOps = { add: 0, update: 1, delete: 2 } as const

/** Puts an element into a set (or map) from the packet path: how a client's endpoint is remembered. */
export interface Dynset {
  readonly kind: 'dynset'
  readonly set: string
  readonly op: keyof typeof dynsetOps
  readonly key: Register
  readonly data?: Register
  /** Milliseconds. */
  readonly timeout?: bigint
}

export const dynset: Codec<Dynset> = {
  write(writer, { set, op, key, data, timeout }) {
    writer.string(NFTA_DYNSET_SET_NAME, set)
    writer.be32(NFTA_DYNSET_OP, dynsetOps[op])
    writeRegister(writer, NFTA_DYNSET_SREG_KEY, key)
    if (data !== undefined) writeRegister(writer, NFTA_DYNSET_SREG_DATA, data)
    if (timeout !== undefined) writer.be64(NFTA_DYNSET_TIMEOUT, timeout)
  },
  read(attributes) {
    const key = needed(readRegister(attributes, NFTA_DYNSET_SREG_KEY), 'key of dynset')
    const data = readRegister(attributes, NFTA_DYNSET_SREG_DATA)
    if (key === 'verdict' || data === 'verdict') throw malformed('dynset of a verdict')
    // Inverted, or with a counter or limit of its own for each element.
    if (
      attributes.be32(NFTA_DYNSET_FLAGS) ||
      attributes.has(NFTA_DYNSET_EXPR) ||
      attributes.has(NFTA_DYNSET_EXPRESSIONS)
    )
      throw malformed('dynset of another form')
    const timeout = attributes.be64(NFTA_DYNSET_TIMEOUT)
    return {
      kind: 'dynset',
      set: needed(attributes.string(NFTA_DYNSET_SET_NAME), 'set of dynset'),
      op: needed(nameIn(dynsetOps, attributes.be32(NFTA_DYNSET_OP)), 'operation of dynset'),
      key,
      ...(data === undefined ? {} : { data }),
      ...(timeout === undefined || timeout === 0n ? {} : { timeout }),
    }
  },
}
