import {
  type Address,
  type Cidr,
  contains,
  family,
  formatCidr,
  indexIn,
  nth,
  overlaps,
  parseAddress,
  parseCidr,
  size,
} from '../../base/address.ts'
import type { Pool } from '../ipam.ts'
import { CniError } from './error.ts'
import { nothingElse, objectOf, text, wrong } from './fields.ts'
import type { Fields } from './input.ts'

/** A range as host-local has it: the subnet, and which of its addresses are given. */
export interface Range {
  subnet: Cidr
  pool: Pool
}

const keys = ['subnet', 'rangeStart', 'rangeEnd', 'gateway'] as const
export const rangeKeys: readonly string[] = keys

/** Of `ipam.ranges` (sets of ranges), of `ipam` itself (one range without a set), or of the runtime. Checked against each other. */
export function readRangeSets(sets: readonly { where: string; ranges: readonly unknown[] }[]): Range[][] {
  const read = sets.map(({ where, ranges }) => {
    if (ranges.length === 0) throw new CniError('badConfig', `${where} is an empty set of ranges`)
    return ranges.map((range, at) => {
      // The range of `ipam` itself stands in no list.
      const place = where === 'ipam' ? where : `${where}[${at}]`
      return readRange(objectOf(range, place), place)
    })
  })
  const seen: Range[] = []
  for (const set of read)
    for (const range of set) {
      const { subnet } = range
      if (subnet.family !== set[0]?.subnet.family)
        throw new CniError('badConfig', `${formatCidr(subnet)} is in a set with ranges of the other IP family`)
      const other = seen.find((one) => overlaps(one.subnet, subnet))
      if (other !== undefined)
        throw new CniError('badConfig', `the ranges ${formatCidr(other.subnet)} and ${formatCidr(subnet)} overlap`)
      seen.push(range)
    }
  return read
}

function readRange(fields: Fields, where: string): Range {
  nothingElse(fields, keys, `${where}.`)
  const said = text(fields, 'subnet', `${where}.subnet`)
  const subnet = parseCidr(said ?? '')
  if (subnet === undefined) throw wrong(`${where}.subnet`, said, 'a range such as 10.22.0.0/16, its host bits zero')
  // As host-local: network, gateway and broadcast address leave no pod any room.
  if (size(subnet) < 4n)
    throw new CniError('badConfig', `${where}.subnet ${formatCidr(subnet)} is too small: no room for a pod`)
  const [lowest, highest] = [nth(subnet, 1), nth(subnet, size(subnet) - (subnet.family === 4 ? 2n : 1n))]
  const own = (key: 'rangeStart' | 'rangeEnd' | 'gateway', absent: Address): Address => {
    const value = text(fields, key, `${where}.${key}`)
    if (value === undefined) return absent
    const address = parseAddress(value)
    if (address === undefined || family(address) !== subnet.family || !contains(subnet, address))
      throw wrong(`${where}.${key}`, value, `an address of ${formatCidr(subnet)}`)
    const at = indexIn(subnet, address)
    if (at < 1n || at > indexIn(subnet, highest)) throw wrong(`${where}.${key}`, value, `from ${lowest} to ${highest}`)
    return address
  }
  const pool = { first: own('rangeStart', lowest), last: own('rangeEnd', highest), gateway: own('gateway', lowest) }
  const count = indexIn(subnet, pool.last) - indexIn(subnet, pool.first) + 1n
  if (count < 1n) throw new CniError('badConfig', `${where}: ${pool.first} to ${pool.last} is no range`)
  if (count === 1n && pool.first === pool.gateway)
    throw new CniError('badConfig', `${where}: the one address of the range is the gateway's`)
  return { subnet, pool }
}
