import { type Address, type Cidr, contains, formatCidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Ipam, LeaseOwner } from './ipam.ts'
import type { Lease } from './lease.ts'

/** A range and the addresses of it that are given. */
export interface IpamRange {
  readonly range: Cidr
  readonly ipam: Ipam
}

/**
 * One address of a set of ranges, as host-local gives it: the next one after the last one given, through one range after the other, so that
 * one that was just freed rests until the whole set has come around; or the one that is wanted, which must be in one of the ranges.
 */
export function takeOfSet<R extends IpamRange>(
  set: readonly R[],
  owner: LeaseOwner,
  wanted?: Address,
): { lease: Lease; from: R } {
  if (wanted !== undefined || set.length === 1) {
    const one = wanted === undefined ? set[0] : set.find(({ range }) => contains(range, wanted))
    if (one === undefined) throw failed(owner, 'NotGivable', `${wanted} is not in ${listed(set)}`)
    return { lease: one.ipam.take(owner, wanted), from: one }
  }
  // The one of them that remembers its last is where the set is.
  const at = Math.max(
    0,
    set.findIndex(({ ipam }) => ipam.last() !== undefined),
  )
  const order = [...set.slice(at), ...set.slice(0, at)]
  const forget = (except: R | undefined): void => {
    for (const one of set) if (one !== except && one.ipam.last() !== undefined) one.ipam.forgetLast()
  }
  forget(order[0])
  const parts = [
    ...order.map((from) => ({ from, part: 'after last' as const })),
    ...order.slice(0, 1).map((from) => ({ from, part: 'up to last' as const })),
  ]
  for (const { from, part } of parts) {
    const lease = from.ipam.takeFrom(part, owner)
    if (lease === undefined) continue
    forget(from)
    return { lease, from }
  }
  throw failed(owner, 'Exhausted', `no IP addresses available in ${listed(set)}: all are given to pods`)
}

function listed(set: readonly IpamRange[]): string {
  return set.map(({ range }) => formatCidr(range)).join(', ')
}

function failed({ id }: LeaseOwner, code: string, say: string): KubehopError {
  return new KubehopError('cni', `give ${id} an address`, code, say)
}
