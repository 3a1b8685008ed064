import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_META_DREG = 1
const NFTA_META_KEY = 2
const NFTA_META_SREG = 3

/** enum nft_meta_keys, as nft names them. */
export const metaKeys = {
  protocol: 1,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  nftrace: 12,
  nfproto: 15,
  l4proto: 16,
  pkttype: 19,
  cpu: 20,
} as const
export type MetaKey = keyof typeof metaKeys

/** What the kernel knows about a packet beside its bytes: loaded into a register (`to`), or set from one (`from`). */
export type Meta =
  | { readonly kind: 'meta'; readonly key: MetaKey; readonly to: Register }
  | { readonly kind: 'meta'; readonly key: MetaKey; readonly from: Register }

export const meta: Codec<Meta> = {
  write(writer, expr) {
    if ('to' in expr) writeRegister(writer, NFTA_META_DREG, expr.to)
    writer.be32(NFTA_META_KEY, metaKeys[expr.key])
    if ('from' in expr) writeRegister(writer, NFTA_META_SREG, expr.from)
  },
  read(attributes) {
    const key = nameIn(metaKeys, attributes.be32(NFTA_META_KEY))
    if (key === undefined) throw malformed('a meta key that is not known')
    const to = readRegister(attributes, NFTA_META_DREG)
    if (to !== undefined && to !== 'verdict') return { kind: 'meta', key, to }
    const from = needed(readRegister(attributes, NFTA_META_SREG), 'register of meta')
    if (from === 'verdict') throw malformed('meta from the verdict register')
    return { kind: 'meta', key, from }
  },
}
