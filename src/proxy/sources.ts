import { parseAddress } from '../base/address.ts'
import { type Packed, packAddress, packU32 } from '../kernel/nftables/packed.ts'
import { withoutHostBits } from './layout/exprs.ts'
import type { NodeFacts } from './node.ts'

/** A range that may send to a load balancer. */
export interface Source {
  readonly prefix: number
  /** Without host bits. */
  readonly address: Packed
}

/** The part of a key of `sources` behind the flow. */
export function sourceKey(flow: Packed, { address, prefix }: Source): Packed {
  return (flow + address + packU32(prefix)) as Packed
}

/**
 * Ranges of the node's family, as spec.loadBalancerSourceRanges has them: blanks around them and host bits in them are allowed.
 * undefined for no restriction at all; an empty list when nobody of this family may send.
 */
export function sourcesOf(
  ranges: readonly string[] | undefined,
  { serviceCidr, addresses }: NodeFacts,
  vip: Packed,
  problem: (say: string) => void,
): Source[] | undefined {
  if (!ranges?.length) return undefined
  const sources: Source[] = []
  for (const range of ranges) {
    const parsed = parseRange(range)
    if (!parsed) problem(`loadBalancerSourceRanges: "${range}" is no address range: it is left out`)
    else if (parsed.address.length === (serviceCidr.family === 4 ? 4 : 16)) {
      if (parsed.prefix === 0) return undefined
      sources.push(parsed)
    }
  }
  // A node that has the load balancer's address sends to itself from that very address: where it may send, that is meant too.
  if (addresses.some((own) => sources.some((source) => includes(source, packAddress(own)))))
    sources.push({ prefix: vip.length * 8, address: vip })
  return sources
}

function includes({ prefix, address }: Source, other: Packed): boolean {
  return address.length === other.length && withoutHostBits(other, prefix) === address
}

function parseRange(text: string): Source | undefined {
  const [, base = '', digits] = /^\s*([^/\s]+)\/(\d{1,3})\s*$/.exec(text) ?? []
  const address = parseAddress(base)
  const prefix = Number(digits)
  if (address === undefined || prefix > (address.includes(':') ? 128 : 32)) return undefined
  return { prefix, address: withoutHostBits(packAddress(address), prefix) }
}
