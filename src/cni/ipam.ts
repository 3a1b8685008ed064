import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Address, type Cidr, contains, formatCidr, indexIn, nth, parseAddress, size } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { type Lease, readSince } from './lease.ts'
import { isDeviceName, isSandboxId } from './names.ts'

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

const lastFile = 'last'

/** Reads what is in `dir`, which is made with the first address that is given. Files of other names are an error, never guessed at. */
export function openIpam(range: Cidr, dir: string, pool: Pool = wholeOf(range)): Ipam {
  const leases = new Map<Address, Lease>()
  for (const name of existsSync(dir) ? readdirSync(dir) : []) {
    if (name === lastFile) continue
    if (name.startsWith('.')) {
      if (isLeftBehind(name)) rmSync(join(dir, name), { force: true })
      continue
    }
    const lease = readLease(range, dir, name)
    if (lease) leases.set(lease.address, lease)
    else rmSync(join(dir, name))
  }
  const first = indexIn(range, pool.first)
  const total = indexIn(range, pool.last) - first + 1n
  const isGateway = (address: Address): boolean => address === pool.gateway
  const gatewayAt = indexIn(range, pool.gateway) - first
  const usable = total - (gatewayAt >= 0n && gatewayAt < total ? 1n : 0n)
  let last = readLast(range, dir) - first
  if (last < 0n || last >= total) last = -1n

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
        // Another process gave it meanwhile.
        const theirs = readLease(range, dir, address)
        if (theirs) leases.set(address, theirs)
        continue
      }
      const temporary = join(dir, `.${lastFile}.${process.pid}`)
      writeFileSync(temporary, `${address}\n`, { mode: 0o600 })
      renameSync(temporary, join(dir, lastFile))
      last = at
      return lease
    }
    return undefined
  }

  const takeFrom: Ipam['takeFrom'] = (part, owner) =>
    part === 'after last' ? takeBetween(last + 1n, total, owner) : takeBetween(0n, last + 1n, owner)

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
    last: () => (last < 0n ? undefined : nth(range, last + first)),
    forgetLast() {
      rmSync(join(dir, lastFile), { force: true })
      last = -1n
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

/** The place in the range of the last one given; -1 when there is none. */
function readLast(range: Cidr, dir: string): bigint {
  let text: string
  try {
    text = readFileSync(join(dir, lastFile), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return -1n
  }
  return indexIn(range, addressIn(range, dir, text.trim()))
}

function addressIn(range: Cidr, dir: string, text: string): Address {
  const address = parseAddress(text)
  if (address === undefined || address !== text || !contains(range, address))
    throw new KubehopError(
      'cni',
      'read the given addresses',
      'ForeignState',
      `${dir} holds "${text.slice(0, 60)}", which is no address of ${formatCidr(range)}: it belongs to another range, remove it`,
    )
  return address
}

/** undefined for a file that a power failure left without its content: what the kernel still shows of it is restored from there. */
function readLease(range: Cidr, dir: string, name: string): Lease | undefined {
  const address = addressIn(range, dir, name)
  const found: unknown = parseJson(readFileSync(join(dir, name), 'utf8'))
  if (typeof found !== 'object' || found === null) return undefined
  const { id, ifname, hostDevice, since } = found as Record<string, unknown>
  if (typeof id !== 'string' || typeof ifname !== 'string' || typeof hostDevice !== 'string') return undefined
  if (!isSandboxId(id) || !isDeviceName(ifname) || !isDeviceName(hostDevice)) return undefined
  const known = readSince(since)
  return { id, ifname, address, hostDevice, ...(known !== undefined && { since: known }) }
}

/** `.100.96.1.2.4711` is being written by process 4711, or was left behind by it. */
function isLeftBehind(name: string): boolean {
  const writer = /\.(\d+)$/.exec(name)?.[1]
  return writer === undefined || writer === String(process.pid) || !existsSync(`/proc/${writer}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
