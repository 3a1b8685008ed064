import { isAbsolute } from 'node:path'
import { type Address, contains, formatCidr } from '../../base/address.ts'
import { CniError } from './error.ts'
import { list, nothingElse, object, text, wrong } from './fields.ts'
import type { Fields } from './input.ts'
import { type PodRoute, readRoute } from './ipam-route.ts'
import { type Range, rangeKeys, readRangeSets } from './ranges.ts'

/** Where a network's addresses come from. */
export type IpamPlan = OwnPlan | OtherPlan

/** From ranges of our own, as host-local has them: one address of each set. */
export interface OwnPlan {
  kind: 'own'
  /** Where the given addresses are written down. */
  leaseDir: string
  sets: readonly (readonly Range[])[]
  wanted: readonly Address[]
  routes: readonly PodRoute[]
  /** A file whose name servers the pod is to use. */
  resolvConf: string | undefined
}

/** From another plugin, whose configuration is its own business. */
export interface OtherPlan {
  kind: 'other'
  /** Its file's name in CNI_PATH. */
  plugin: string
}

/** Names of `ipam.type` that mean ours: `host-local` because a configuration made for it reads the same. */
const ownTypes: readonly string[] = ['kubehop', 'host-local']

/** The program that gives the addresses, when it is not ours. A wrong `ipam` is nobody's. */
export function otherIpam(fields: Fields): string | undefined {
  const ipam = fields['ipam']
  const type = typeof ipam === 'object' && ipam !== null ? (ipam as Fields)['type'] : undefined
  return typeof type === 'string' && type !== '' && !ownTypes.includes(type) ? type : undefined
}

/** `ofRuntime` are ranges of the runtime (capability `ipRanges`), which stand before those of the configuration. */
export function readIpamPlan(
  fields: Fields,
  { wanted, ofRuntime }: { wanted: readonly Address[]; ofRuntime: readonly unknown[] },
): IpamPlan {
  const ipam = object(fields, 'ipam')
  text(ipam, 'type', 'ipam.type')
  const plugin = otherIpam(fields)
  if (plugin !== undefined) return { kind: 'other', plugin }
  nothingElse(ipam, ['type', 'dataDir', 'ranges', 'routes', 'resolvConf', ...rangeKeys], 'ipam.')
  const own = rangeKeys.flatMap((key) => (ipam[key] === undefined ? [] : [[key, ipam[key]] as const]))
  const sets = readRangeSets([
    ...ofRuntime.map((ranges, at) => ({ where: `runtimeConfig.ipRanges[${at}]`, ranges: listOf(ranges) })),
    ...(own.length === 0 ? [] : [{ where: 'ipam', ranges: [Object.fromEntries(own)] }]),
    ...list(ipam, 'ranges', 'ipam.ranges').map((ranges, at) => ({
      where: `ipam.ranges[${at}]`,
      ranges: listOf(ranges),
    })),
  ])
  if (sets.length === 0) throw new CniError('badConfig', 'ipam has neither a subnet nor ranges to give addresses of')
  const resolvConf = text(ipam, 'resolvConf', 'ipam.resolvConf')
  if (resolvConf !== undefined && !isAbsolute(resolvConf))
    throw wrong('ipam.resolvConf', resolvConf, 'an absolute path')
  return {
    kind: 'own',
    leaseDir: leaseDirOf(fields),
    sets,
    wanted,
    routes: list(ipam, 'routes', 'ipam.routes').map((route, at) => ofRanges(route, `ipam.routes[${at}]`, sets)),
    resolvConf,
  }
}

/** Where all networks' given addresses are written down: host-local's field, or ours beside the network's other state. */
export function leaseDirOf(fields: Fields, absent: string = dataDirOf(fields)): string {
  const ipam = fields['ipam']
  const said = typeof ipam === 'object' && ipam !== null && !otherIpam(fields) ? (ipam as Fields)['dataDir'] : undefined
  return said === undefined || said === '' ? absent : folder('ipam.dataDir', said)
}

/** Where all networks' state is. DEL and GC need nothing else of a configuration. */
export function dataDirOf(fields: Fields): string {
  return folder('dataDir', text(fields, 'dataDir') ?? defaultDataDir)
}

export const defaultDataDir = '/run/kubehop/cni'

function folder(where: string, value: unknown): string {
  if (typeof value === 'string' && isAbsolute(value) && !value.includes('\0')) return value
  throw wrong(where, value, 'an absolute path')
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw wrong('a set of ranges', value, 'a list')
}

/** A route that a pod of these ranges can have. */
function ofRanges(value: unknown, where: string, sets: readonly (readonly Range[])[]): PodRoute {
  const route = readRoute(value, where)
  const { to, via } = route
  const subnets = sets.flat().flatMap(({ subnet }) => (subnet.family === to.family ? [subnet] : []))
  const ranges = sets.flat().map(({ subnet }) => formatCidr(subnet))
  if (subnets.length === 0)
    throw new CniError(
      'badConfig',
      `${where}.dst is ${formatCidr(to)}, and pods have IPv${to.family === 4 ? 6 : 4} addresses only (${ranges.join(', ')})`,
    )
  if (via !== undefined && !subnets.some((subnet) => contains(subnet, via)) && !isLinkLocal(via))
    throw wrong(`${where}.gw`, via, `an address of ${subnets.map(formatCidr).join(' or ')}`)
  return route
}

function isLinkLocal(of: Address): boolean {
  return /^fe[89ab]/.test(of)
}
