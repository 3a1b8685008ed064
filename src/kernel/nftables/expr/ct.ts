import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_CT_DREG = 1
const NFTA_CT_KEY = 2
const NFTA_CT_DIRECTION = 3

/** enum nft_ct_keys; src-ip and dst-ip are the IPv4 forms of an address (Linux 4.17). */
export const ctKeys = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  protocol: 10,
  'proto-src': 11,
  'proto-dst': 12,
  'src-ip': 19,
  'dst-ip': 20,
  'src-ip6': 21,
  'dst-ip6': 22,
} as const
export type CtKey = keyof typeof ctKeys
const directions = { original: 0, reply: 1 } as const

/** Bits of `ct state` (NF_CT_STATE_BIT), a number in the machine's byte order. */
export const ctState = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const
/** Bits of `ct status` (enum ip_conntrack_status) that say how a connection was translated. */
export const ctStatus = { snat: 0x10, dnat: 0x20 } as const

/** What connection tracking knows, into registers. Addresses and ports are those of one `direction`. */
export interface Ct {
  readonly kind: 'ct'
  readonly key: CtKey
  readonly direction?: keyof typeof directions
  readonly to: Register
}

export const ct: Codec<Ct> = {
  write(writer, { key, direction, to }) {
    writeRegister(writer, NFTA_CT_DREG, to)
    writer.be32(NFTA_CT_KEY, ctKeys[key])
    if (direction) writer.u8(NFTA_CT_DIRECTION, directions[direction])
  },
  read(attributes) {
    const key = nameIn(ctKeys, attributes.be32(NFTA_CT_KEY))
    const to = readRegister(attributes, NFTA_CT_DREG)
    if (key === undefined || to === undefined || to === 'verdict') throw malformed('a use of ct that is not known')
    const direction = attributes.u8(NFTA_CT_DIRECTION)
    if (direction === undefined) return { kind: 'ct', key, to }
    return { kind: 'ct', key, direction: needed(nameIn(directions, direction), 'direction of ct'), to }
  },
}
