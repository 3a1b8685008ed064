import { type Address, contains, formatCidr } from '../../base/address.ts'
import { codeOf } from '../../base/errors.ts'
import type { LeaseOwner } from '../ipam.ts'
import { takeOfSet } from '../ipam-set.ts'
import type { Lease, Since } from '../lease.ts'
import { CniError } from './error.ts'
import type { Given } from './ipam-given.ts'
import type { OwnPlan } from './ipam-plan.ts'
import { readResolvConf } from './ipam-resolv-conf.ts'
import { type Book, heldBy, hostDeviceOf, isOf, openBook, type Owner } from './leases.ts'
import type { Range } from './ranges.ts'
import { isGone, readProofs, reclaimOf } from './reclaim.ts'

/** What a pod was given of our ranges: one address of each set, in the order of the sets. */
export interface Taken {
  given: Given
  leases: readonly Lease[]
  /** Gives them all back. */
  free(): void
}

/**
 * Gives the addresses, or none. `since` is written down with them, for `reclaim`: when a range has no more, those whose pods are gone for
 * certain are given again, after `beforeReclaim`. To be called in turn.
 */
export function take(
  plan: OwnPlan,
  book: Book,
  owner: Owner,
  since: Since,
  beforeReclaim?: (lease: Lease) => void,
): Taken {
  const dns = plan.resolvConf === undefined ? {} : readResolvConf(plan.resolvConf)
  const wanted = wantedOf(plan)
  const { containerId: id, ifname } = owner
  const asks = { id, ifname, hostDevice: hostDeviceOf(owner), since }
  const reclaim = (): boolean => reclaimOf(book, beforeReclaim).length > 0
  const given: One[] = []
  const free = (): void => {
    for (const one of given.splice(0)) one.free()
  }
  try {
    for (const [at, set] of plan.sets.entries()) given.push(takeOne(book, set, asks, wanted[at], reclaim))
  } catch (error) {
    free()
    throw error
  }
  const ips = given.map(({ lease: { address }, range: { subnet, pool } }) => ({
    address,
    prefix: subnet.prefix,
    gateway: pool.gateway,
  }))
  return { given: { ips, routes: plan.routes, dns }, leases: given.map(({ lease }) => lease), free }
}

/** What an owner has of our ranges, in the order of the sets. Throws when it has nothing of one. */
export function taken(plan: OwnPlan, owner: Owner): Pick<Taken, 'given' | 'leases'> {
  const held = heldBy(plan.leaseDir, owner.network).filter((one) => isOf(one, owner))
  const found = plan.sets.map((set) => {
    for (const { subnet, pool } of set) {
      const lease = held.find((one) => contains(subnet, one.lease.address))?.lease
      if (lease !== undefined)
        return { lease, ip: { address: lease.address, prefix: subnet.prefix, gateway: pool.gateway } }
    }
    throw new CniError(
      'changed',
      `${owner.ifname} of ${owner.containerId} has no address of the network ${owner.network} in ${set.map(named).join(', ')}`,
    )
  })
  return {
    given: { ips: found.map(({ ip }) => ip), routes: plan.routes, dns: {} },
    leases: found.map(({ lease }) => lease),
  }
}

/** Throws when ADD would find no address. What it would free first (`reclaim`) counts as free. */
export function refuseExhausted({ leaseDir, sets, resolvConf }: OwnPlan, network: string): void {
  const proofs = readProofs()
  const book = openBook(leaseDir, network, sets.flat())
  for (const set of sets) {
    const free = set.map((range) => book.ipamOf(range).available((lease) => isGone(lease, proofs)))
    if (free.some((count) => count > 0n)) continue
    throw new CniError(
      'notAvailable',
      `no IP addresses available in ${set.map(named).join(', ')} for the network ${network}: DEL or GC frees those of containers that are gone`,
    )
  }
  if (resolvConf !== undefined) readResolvConf(resolvConf)
}

interface One {
  lease: Lease
  range: Range
  free(): void
}

function takeOne(
  book: Book,
  set: readonly Range[],
  asks: LeaseOwner,
  wanted: Address | undefined,
  reclaim: () => boolean,
): One {
  const ranges = set.map((range) => ({ range: range.subnet, pool: range.pool, ipam: book.ipamOf(range) }))
  const attempt = (): One => {
    const { lease, from } = takeOfSet(ranges, asks, wanted)
    return { lease, range: { subnet: from.range, pool: from.pool }, free: () => from.ipam.free(lease) }
  }
  try {
    return attempt()
  } catch (error) {
    const isOut = ['Exhausted', 'NotGivable'].includes(codeOf(error) ?? '')
    if (!isOut || !reclaim()) throw error
    return attempt()
  }
}

/** The address that is wanted of each set. Every one must have a set of its own. */
function wantedOf({ sets, wanted }: OwnPlan): (Address | undefined)[] {
  const isIn = (set: readonly Range[], address: Address): boolean => set.some(({ subnet }) => contains(subnet, address))
  const chosen = sets.map((set) => wanted.find((address) => isIn(set, address)))
  for (const address of wanted) {
    if (chosen.includes(address)) continue
    const set = sets.find((one) => isIn(one, address))
    const say =
      set === undefined
        ? `it is not in ${sets.flat().map(named).join(', ')}`
        : `one address is given of ${set.map(named).join(', ')}, and ${wanted.join(', ')} are asked for`
    throw new CniError('noAddress', `cannot give ${address}: ${say}`)
  }
  return chosen
}

function named({ subnet }: Range): string {
  return formatCidr(subnet)
}

/** An owner has its addresses once: DEL comes before the next ADD. */
export function refuseTwice(book: Book, owner: Owner): void {
  const taken = book.held().find((held) => isOf(held, owner))
  if (taken === undefined) return
  throw new CniError(
    'failed',
    `${owner.ifname} of ${owner.containerId} is on the network ${owner.network} already, with ${taken.lease.address}: DEL comes first`,
  )
}
