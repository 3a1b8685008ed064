import { linkSync, mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, type Cidr, contains, formatCidr, indexIn, nth, size } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Lease } from './lease.ts'
import { lastFile, readName } from './lease-folder.ts'
import { leaseFolder } from './lease-memory.ts'

/**
 * The addresses of one range. Each given address is a file of its name, so what was given survives a crash at any moment:
 * the file appears whole (written beside, then linked) or not at all, and linking fails when another process was faster.
 */
export interface Ipam {
  readonly gateway: Address
  /** Gives the next address after the last one given, so that one that was just freed rests as long as possible; or the one that is wanted. */
  take(owner: LeaseOwner, wanted?: Address): Lease
  /** The first free one of a part of the range, or undefined: `after last` goes to the end, `up to last` begins at the start. */
  takeFrom(part: 'after last' | 'up to last', owner: LeaseOwner): Lease | undefined
  /** The last one given, unless it was forgotten. */
  last(): Address | undefined
  /** The next one given is the first. */
  forgetLast(): void
  /** Writes down a lease that the kernel still shows but the files have lost. */
  restore(lease: Lease): void
  /** Frees all of one sandbox, or one interface's. */
  free(lease: Lease): void
  leasesOf(id: string): Lease[]
  list(): Lease[]
  /** How many addresses can still be given, when those of which this is true are free, too. */
  available(isFree?: (lease: Lease) => boolean): bigint
}

/** Who takes an address: {@link Lease} without it. */
export type LeaseOwner = Omit<Lease, 'address'>

/** Which addresses of a range are given: `first` to `last` without the gateway. */
export interface Pool {
  readonly first: Address
  readonly last: Address
  readonly gateway: Address
}

/** Reads what is in `dir`, which is made with the first address that is given. Files of other names are an error, never guessed at. */
export function openIpam(range: Cidr, dir: string, pool: Pool = wholeOf(range)): Ipam {
  const folder = leaseFolder(range, dir)
  const { leases } = folder
  const first = indexIn(range, pool.first)
  const total = indexIn(range, pool.last) - first + 1n
  const isGateway = (address: Address): boolean => address === pool.gateway
  const gatewayAt = indexIn(range, pool.gateway) - first
  const usable = total - (gatewayAt >= 0n && gatewayAt < total ? 1n : 0n)
  /** The place of the last one given; -1 when there is none, or it is not among those that are given now. */
  const lastAt = (): bigint => {
    const at = folder.last === undefined ? -1n : indexIn(range, folder.last) - first
    return at >= 0n && at < total ? at : -1n
  }

  const write = (lease: Lease): boolean => {
    const temporary = join(dir, `.${lease.address}.${process.pid}`)
    writeWhole(dir, temporary, `${JSON.stringify(lease)}\n`)
    try {
      linkSync(temporary, join(dir, lease.address))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return false
    } finally {
      unlinkSync(temporary)
    }
    leases.set(lease.address, lease)
    return true
  }

  const takeWanted = (owner: LeaseOwner, address: Address): Lease => {
    const refused = (say: string): KubehopError =>
      new KubehopError('cni', `give ${owner.id} the address ${address}`, 'NotGivable', say)
    if (!contains(range, address)) throw refused(`it is not in ${formatCidr(range)}`)
    const at = indexIn(range, address) - first
    if (at < 0n || at >= total) throw refused(`it is not between ${pool.first} and ${pool.last}`)
    if (isGateway(address)) throw refused('it is the gateway')
    const lease: Lease = { ...owner, address }
    if (leases.has(address) || !write(lease)) throw refused('somebody has it')
    return lease
  }

  /** Places `from` to before `to`. */
  const takeBetween = (from: bigint, to: bigint, owner: LeaseOwner): Lease | undefined => {
    for (let at = from; at < to; at++) {
      const address = nth(range, at + first)
      if (leases.has(address) || isGateway(address)) continue
      const lease: Lease = { ...owner, address }
      if (!write(lease)) {
        // Another process gave it meanwhile, without taking its turn.
        readName(folder, range, dir, address)
        continue
      }
      const temporary = join(dir, `.${lastFile}.${process.pid}`)
      writeFileSync(temporary, `${address}\n`, { mode: 0o600 })
      renameSync(temporary, join(dir, lastFile))
      folder.last = address
      return lease
    }
    return undefined
  }

  const takeFrom: Ipam['takeFrom'] = (part, owner) =>
    part === 'after last' ? takeBetween(lastAt() + 1n, total, owner) : takeBetween(0n, lastAt() + 1n, owner)

  return {
    gateway: pool.gateway,
    take(owner, wanted) {
      for (const lease of leases.values())
        if (lease.id === owner.id && lease.ifname === owner.ifname)
          throw new KubehopError(
            'cni',
            `give ${owner.id} an address`,
            'AlreadyAttached',
            `its ${owner.ifname} has ${lease.address} already`,
          )
      if (wanted !== undefined) return takeWanted(owner, wanted)
      const lease = takeFrom('after last', owner) ?? takeFrom('up to last', owner)
      if (lease !== undefined) return lease
      throw new KubehopError(
        'cni',
        `give ${owner.id} an address`,
        'Exhausted',
        `no IP addresses available in ${formatCidr(range)}: all ${usable} are given to pods`,
      )
    },
    takeFrom,
    last: () => (lastAt() < 0n ? undefined : folder.last),
    forgetLast() {
      rmSync(join(dir, lastFile), { force: true })
      folder.last = undefined
    },
    restore(lease) {
      if (!contains(range, lease.address) || !write(lease))
        throw new KubehopError('cni', `adopt ${lease.hostDevice}`, 'Conflict', `${lease.address} is another pod's`)
    },
    free(lease) {
      if (leases.get(lease.address) !== lease) return
      rmSync(join(dir, lease.address), { force: true })
      leases.delete(lease.address)
    },
    leasesOf: (id) => [...leases.values()].filter((lease) => lease.id === id),
    list: () => [...leases.values()],
    available(isFree = () => false) {
      const given = [...leases.values()].flatMap((lease) =>
        isFree(lease) ? [] : [indexIn(range, lease.address) - first],
      )
      return usable - BigInt(given.filter((at) => at >= 0n && at < total && at !== gatewayAt).length)
    },
  }
}

/** In a folder that is made when it is missing. */
function writeWhole(dir: string, path: string, text: string): void {
  const write = (): void => writeFileSync(path, text, { mode: 0o600 })
  try {
    write()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    write()
  }
}

/** .0 is the network, .1 the gateway; the last one of an IPv4 range is its broadcast address. */
function wholeOf(range: Cidr): Pool {
  const end = size(range) - (range.family === 4 ? 2n : 1n)
  if (end < 2n)
    throw new KubehopError('cni', 'open the range', 'RangeTooSmall', `${formatCidr(range)} has no room for a pod`)
  return { first: nth(range, 2), last: nth(range, end), gateway: nth(range, 1) }
}
