import { KubehopError } from '../../base/errors.ts'
import type { Attributes } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { type Packed, pack } from './packed.ts'

// Registers, values and verdicts: what all expressions and elements are made of (linux/netfilter/nf_tables.h).
const NFT_REG_VERDICT = 0
const NFT_REG_4 = 4
const NFT_REG32_00 = 8
const NFT_REG32_15 = 23
const NFTA_DATA_VALUE = 1
const NFTA_DATA_VERDICT = 2
const NFTA_VERDICT_CODE = 1
const NFTA_VERDICT_CHAIN = 2

/** One of 16 registers of 32 bits, 0 to 15. A longer value takes as many neighbours as it needs. */
export type Register = number

const verdicts = { drop: 0, accept: 1, continue: -1, break: -2, jump: -3, goto: -4, return: -5 } as const
export type Verdict =
  | { readonly verdict: 'drop' | 'accept' | 'continue' | 'break' | 'return' }
  | { readonly verdict: 'jump' | 'goto'; readonly chain: string }

/** What a map gives for a key. */
export type Data = Packed | Verdict

export function isVerdict(data: Data): data is Verdict {
  return typeof data !== 'string'
}

export function writeRegister(writer: MessageWriter, type: number, register: Register | 'verdict'): void {
  writer.be32(type, register === 'verdict' ? NFT_REG_VERDICT : NFT_REG32_00 + register)
}

/** The kernel names every fourth 32-bit register by its older, 128-bit name. */
export function readRegister(attributes: Attributes, type: number): Register | 'verdict' | undefined {
  const code = attributes.be32(type)
  if (code === undefined) return undefined
  if (code === NFT_REG_VERDICT) return 'verdict'
  if (code <= NFT_REG_4) return (code - 1) * 4
  if (code >= NFT_REG32_00 && code <= NFT_REG32_15) return code - NFT_REG32_00
  throw malformed(`register ${code}`)
}

export function writeData(writer: MessageWriter, type: number, data: Data): void {
  const at = writer.startNest(type)
  if (isVerdict(data)) writeVerdict(writer, NFTA_DATA_VERDICT, data)
  else writer.latin1(NFTA_DATA_VALUE, data)
  writer.endNest(at)
}

export function readData(attributes: Attributes, type: number): Data | undefined {
  const data = attributes.nested(type)
  if (data === undefined) return undefined
  const value = data.bytes(NFTA_DATA_VALUE)
  return value ? pack(value) : readVerdict(data, NFTA_DATA_VERDICT)
}

function writeVerdict(writer: MessageWriter, type: number, of: Verdict): void {
  const at = writer.startNest(type)
  writer.be32(NFTA_VERDICT_CODE, verdicts[of.verdict])
  if ('chain' in of) writer.string(NFTA_VERDICT_CHAIN, of.chain)
  writer.endNest(at)
}

export function readVerdict(attributes: Attributes, type: number): Verdict | undefined {
  const nest = attributes.nested(type)
  const code = nest?.be32(NFTA_VERDICT_CODE)
  if (nest === undefined || code === undefined) return undefined
  const verdict = (Object.keys(verdicts) as Verdict['verdict'][]).find((name) => verdicts[name] === (code | 0))
  // NF_STOLEN, NF_QUEUE with its number in the upper half, ...: none that a rule of ours gives.
  if (verdict === undefined) throw malformed(`verdict ${code | 0}`)
  if (verdict !== 'jump' && verdict !== 'goto') return { verdict }
  const chain = nest.string(NFTA_VERDICT_CHAIN)
  if (chain === undefined) throw malformed(`${verdict} without a chain`)
  return { verdict, chain }
}

/** For attributes that the kernel always sends. */
export function needed<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw malformed(`no ${what}`)
  return value
}

export function malformed(what: string): KubehopError {
  return new KubehopError('kernel', 'read nf_tables', 'Malformed', `malformed: ${what}`)
}
