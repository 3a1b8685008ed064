import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_FIB_DREG = 1
const NFTA_FIB_RESULT = 2
const NFTA_FIB_FLAGS = 3
const NFTA_FIB_F_PRESENT = 32

const results = { oif: 1, oifname: 2, type: 3 } as const
const fibFields = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16 } as const
const allFields = Object.values(fibFields).reduce((all, bit) => all | bit, 0)

/** What `type` answers (linux/rtnetlink.h, RTN_*), a number in the machine's byte order. */
export const fibTypes = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const

/** What the routing tables say of an address of the packet: the device it is reached by, or of what type it is. */
export interface Fib {
  readonly kind: 'fib'
  readonly result: keyof typeof results
  /** What of the packet is looked up: one of the two addresses, and what narrows the search. In the order of {@link fibFields}. */
  readonly fields: readonly (keyof typeof fibFields)[]
  /** Only whether there is an answer: 1 or 0, in the machine's byte order. */
  readonly present?: true
  readonly to: Register
}

export const fib: Codec<Fib> = {
  write(writer, { result, fields, present, to }) {
    writeRegister(writer, NFTA_FIB_DREG, to)
    writer.be32(NFTA_FIB_RESULT, results[result])
    const flags = fields.reduce((all, field) => all | fibFields[field], present ? NFTA_FIB_F_PRESENT : 0)
    writer.be32(NFTA_FIB_FLAGS, flags)
  },
  read(attributes) {
    const to = needed(readRegister(attributes, NFTA_FIB_DREG), 'register of fib')
    if (to === 'verdict') throw malformed('fib into the verdict')
    const flags = needed(attributes.be32(NFTA_FIB_FLAGS), 'flags of fib')
    if (flags & ~(allFields | NFTA_FIB_F_PRESENT)) throw malformed(`flags of fib ${flags}`)
    return {
      kind: 'fib',
      result: needed(nameIn(results, attributes.be32(NFTA_FIB_RESULT)), 'result of fib'),
      fields: (Object.keys(fibFields) as (keyof typeof fibFields)[]).filter((field) => flags & fibFields[field]),
      ...(flags & NFTA_FIB_F_PRESENT ? { present: true as const } : {}),
      to,
    }
  },
}
