import { malformed, needed, readRegister, type Register, writeRegister } from '../data.ts'
import type { Attributes } from '../../netlink/reader.ts'
import { type Codec, nameIn } from './codec.ts'

const NFTA_NAT_TYPE = 1
const NFTA_NAT_FAMILY = 2
const NFTA_NAT_REG_ADDR_MIN = 3
const NFTA_NAT_REG_PROTO_MIN = 5
const NFTA_NAT_FLAGS = 7
const NFTA_MASQ_FLAGS = 1

const natTypes = { snat: 0, dnat: 1 } as const
const natFamilies = { ip: 2, ip6: 10 } as const
// linux/netfilter/nf_nat.h: NF_NAT_RANGE_*. The two lowest say which registers are given: the kernel sets them itself.
const natFlags = { random: 0x4, persistent: 0x8, 'fully-random': 0x10 } as const
export type NatFlag = keyof typeof natFlags

/** Translates the connection's destination (dnat) or source (snat) to the address, and port, in registers. Ends the rule's chain. */
export interface Nat {
  readonly kind: 'nat'
  readonly type: keyof typeof natTypes
  readonly family: keyof typeof natFamilies
  readonly address?: Register
  readonly port?: Register
  readonly flags: readonly NatFlag[]
}

/** Translates the connection's source to the address of the device it leaves by. */
export interface Masquerade {
  readonly kind: 'masq'
  readonly flags: readonly NatFlag[]
}

export const nat: Codec<Nat> = {
  write(writer, { type, family, address, port, flags }) {
    writer.be32(NFTA_NAT_TYPE, natTypes[type])
    writer.be32(NFTA_NAT_FAMILY, natFamilies[family])
    if (address !== undefined) writeRegister(writer, NFTA_NAT_REG_ADDR_MIN, address)
    if (port !== undefined) writeRegister(writer, NFTA_NAT_REG_PROTO_MIN, port)
    writeFlags(NFTA_NAT_FLAGS, flags, (kind, value) => writer.be32(kind, value))
  },
  read(attributes) {
    const address = readRegister(attributes, NFTA_NAT_REG_ADDR_MIN)
    const port = readRegister(attributes, NFTA_NAT_REG_PROTO_MIN)
    if (address === 'verdict' || port === 'verdict') throw malformed('nat to a verdict')
    return {
      kind: 'nat',
      type: needed(nameIn(natTypes, attributes.be32(NFTA_NAT_TYPE)), 'type of nat'),
      family: needed(nameIn(natFamilies, attributes.be32(NFTA_NAT_FAMILY)), 'family of nat'),
      ...(address === undefined ? {} : { address }),
      ...(port === undefined ? {} : { port }),
      flags: readFlags(attributes, NFTA_NAT_FLAGS),
    }
  },
}

export const masq: Codec<Masquerade> = {
  write(writer, { flags }) {
    writeFlags(NFTA_MASQ_FLAGS, flags, (kind, value) => writer.be32(kind, value))
  },
  read(attributes) {
    return { kind: 'masq', flags: readFlags(attributes, NFTA_MASQ_FLAGS) }
  },
}

function writeFlags(type: number, flags: readonly NatFlag[], write: (type: number, value: number) => void): void {
  const value = flags.reduce((all, flag) => all | natFlags[flag], 0)
  if (value !== 0) write(type, value)
}

function readFlags(attributes: Attributes, type: number): NatFlag[] {
  const value = attributes.be32(type) ?? 0
  return (Object.keys(natFlags) as NatFlag[]).filter((flag) => value & natFlags[flag])
}
