import { isAbsolute } from 'node:path'
import {
  type Address,
  type Cidr,
  cidr,
  contains,
  family,
  formatCidr,
  parseAddress,
  parseCidr,
} from '../../base/address.ts'
import type { Mac } from '../../kernel/rtnetlink/mac.ts'
import type { Route } from '../../kernel/rtnetlink/route.ts'
import { defaultRoute } from '../cable.ts'
import { bridgeName, isDeviceName } from '../names.ts'
import { CniError } from './error.ts'
import { flag, list, nothingElse, number, object, objectOf, text, wrong } from './fields.ts'
import type { Fields, Input } from './input.ts'
import { type Range, rangeKeys, readRangeSets } from './ranges.ts'
import { readWishes } from './wishes.ts'

/** A network as ADD, CHECK and STATUS need it. The fields are the reference bridge's and host-local's. */
export interface Network {
  name: string
  dataDir: string
  bridge: string
  /** The bridge has the gateway's address, and the node carries the pods' packets on. */
  isGateway: boolean
  forceAddress: boolean
  hairpinMode: boolean
  /** undefined: the smallest of the node's links. */
  mtu: number | undefined
  /** Who sends to none of these has the node's address outside; undefined: pods keep theirs. */
  notMasqueraded: readonly Cidr[] | undefined
  range: Range
  routes: readonly Omit<Route, 'index'>[]
  wantedAddress: Address | undefined
  mac: Mac | undefined
  dns: Fields
}

/** Throws for anything that is wrong, and for anything that is asked for and not built. */
export function readNetwork(input: Input, args: ReadonlyMap<string, string>): Network {
  const { name, fields } = input
  nothingElse(
    // The runtime's own additions (`cni.dev/valid-attachments`).
    Object.fromEntries(Object.entries(fields).filter(([key]) => !key.startsWith('cni.dev/'))),
    known,
  )
  const bridge = text(fields, 'bridge') ?? bridgeName
  if (!isDeviceName(bridge)) throw wrong('bridge', bridge, 'a name for a link')
  const wishes = readWishes(input, args)
  const ipam = object(fields, 'ipam')
  const range = readIpam(ipam, wishes.ipRanges)
  const isDefaultGateway = flag(fields, 'isDefaultGateway', false)
  const routes = list(ipam, 'routes', 'ipam.routes').map((route, at) => readRoute(route, `ipam.routes[${at}]`, range))
  if (isDefaultGateway && !routes.some((route) => route.to.prefix === 0))
    routes.push(defaultRoute(range.subnet, range.pool.gateway))
  return {
    name,
    dataDir: dataDirOf(fields),
    bridge,
    isGateway: flag(fields, 'isGateway', false) || isDefaultGateway,
    forceAddress: flag(fields, 'forceAddress', false),
    hairpinMode: flag(fields, 'hairpinMode', true),
    // 0 is "as it comes", for the reference bridge too. Below 68 bytes IPv4 does not work, below 1280 IPv6 (RFC 791, RFC 8200).
    mtu:
      fields['mtu'] === 0
        ? undefined
        : number(fields, 'mtu', { min: range.subnet.family === 4 ? 68 : 1280, max: 65535 }),
    notMasqueraded: readMasquerade(fields, range),
    range,
    routes,
    wantedAddress: wishes.address,
    mac: wishes.mac,
    dns: object(fields, 'dns'),
  }
}

/** Where all networks' given addresses are written down. DEL and GC need nothing else of a configuration. */
export function dataDirOf(fields: Fields): string {
  const dataDir = text(fields, 'dataDir') ?? '/run/kubehop/cni'
  if (!isAbsolute(dataDir) || dataDir.includes('\0')) throw wrong('dataDir', dataDir, 'an absolute path')
  return dataDir
}

const known: readonly string[] = [
  'cniVersion',
  'name',
  'type',
  'args',
  'capabilities',
  'dns',
  'ipam',
  'prevResult',
  'runtimeConfig',
  'bridge',
  'mtu',
  'isGateway',
  'isDefaultGateway',
  'forceAddress',
  'hairpinMode',
  'ipMasq',
  'nonMasqueradeCIDRs',
  'dataDir',
  'disableCheck',
]

function readIpam(ipam: Fields, ofRuntime: readonly unknown[]): Range {
  const type = text(ipam, 'type', 'ipam.type')
  if (type !== undefined && type !== 'host-local' && type !== 'kubehop')
    throw new CniError(
      'unsupportedField',
      `ipam.type is ${JSON.stringify(type)}: this plugin gives the addresses itself, as "host-local" does, and calls no other plugin`,
    )
  nothingElse(ipam, ['type', 'ranges', 'routes', ...rangeKeys], 'ipam.')
  const own = rangeKeys.flatMap((key) => (ipam[key] === undefined ? [] : [[key, ipam[key]] as const]))
  const sets = [
    ...ofRuntime.map((ranges, at) => ({ where: `runtimeConfig.ipRanges[${at}]`, ranges: listOf(ranges) })),
    ...(own.length === 0 ? [] : [{ where: 'ipam', ranges: [Object.fromEntries(own)] }]),
    ...list(ipam, 'ranges', 'ipam.ranges').map((ranges, at) => ({
      where: `ipam.ranges[${at}]`,
      ranges: listOf(ranges),
    })),
  ]
  const [first, ...more] = readRangeSets(sets).flat()
  if (first === undefined) throw new CniError('badConfig', 'ipam has neither a subnet nor ranges to give addresses of')
  if (more.length === 0) return first
  const all = [first, ...more].map(({ subnet }) => formatCidr(subnet))
  throw new CniError('unsupportedField', `ipam has ${all.join(', ')}, and this plugin gives addresses of one range`)
}

/** The cluster's ranges keep a pod's own address: policies and logs need it. Nothing is masqueraded for a group (multicast). */
function readMasquerade(fields: Fields, { subnet }: Range): Cidr[] | undefined {
  const kept = list(fields, 'nonMasqueradeCIDRs').map((one, at) => {
    const found = typeof one === 'string' ? parseCidr(one) : undefined
    if (found !== undefined) return found
    throw wrong(`nonMasqueradeCIDRs[${at}]`, one, 'a range, its host bits zero')
  })
  if (!flag(fields, 'ipMasq', false)) return undefined
  const group = cidr(subnet.family === 4 ? '224.0.0.0/4' : 'ff00::/8')
  return [subnet, group, ...kept.filter(({ family }) => family === subnet.family)]
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw wrong('a set of ranges', value, 'a list')
}

/** Without a gateway of its own, through the range's. */
function readRoute(value: unknown, where: string, { subnet, pool }: Range): Omit<Route, 'index'> {
  const route = objectOf(value, where)
  nothingElse(route, ['dst', 'gw', 'priority', 'table'], `${where}.`)
  const to = parseCidr(text(route, 'dst', `${where}.dst`) ?? '')
  if (to?.family !== subnet.family)
    throw wrong(`${where}.dst`, route['dst'], `an IPv${subnet.family} range, its host bits zero`)
  const said = text(route, 'gw', `${where}.gw`)
  const via = said === undefined ? pool.gateway : parseAddress(said)
  if (via === undefined || family(via) !== subnet.family || !contains(subnet, via))
    throw wrong(`${where}.gw`, said, `an address of ${formatCidr(subnet)}`)
  const priority = number(route, 'priority', { min: 0, max: 0xffffffff }, `${where}.priority`)
  const table = number(route, 'table', { min: 1, max: 0xffffffff }, `${where}.table`)
  return { to, via, ...(priority !== undefined && { priority }), ...(table !== undefined && { table }) }
}
