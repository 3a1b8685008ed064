import { type Address, family, parseAddress } from '../../base/address.ts'
import { list, number, object, objectOf, text, wrong } from './fields.ts'
import type { Fields } from './input.ts'
import { atLeast, type Version } from './version.ts'

/** A result of ADD in the shape of 1.1.0, which holds that of all versions before. */
export interface Result {
  readonly interfaces: readonly Interface[]
  readonly ips: readonly Ip[]
  readonly routes: readonly Fields[]
  readonly dns: Fields
}

export interface Interface {
  readonly name: string
  readonly mac?: string
  readonly mtu?: number
  /** Path of the network namespace; without it the interface is the node's. */
  readonly sandbox?: string
  readonly socketPath?: string
  readonly pciID?: string
}

export interface Ip {
  /** With the length of its range: `10.22.0.2/16`. */
  readonly address: string
  readonly gateway?: string
  /** Place in `interfaces`. */
  readonly interface?: number
}

/** As a version has it: before 1.0 with `ips[].version`, since 1.1 with what interfaces and routes learned to say. */
export function writeResult(result: Result, version: Version): Fields {
  const old = !atLeast(version, '1.0.0')
  const full = atLeast(version, '1.1.0')
  const { interfaces, ips, routes, dns } = result
  return {
    cniVersion: version,
    // Whoever gives nothing but addresses has none.
    ...(interfaces.length > 0 && {
      interfaces: full
        ? interfaces
        : interfaces.map(({ name, mac, sandbox }) => ({ name, ...(mac && { mac }), ...(sandbox && { sandbox }) })),
    }),
    ips: old ? ips.map((ip) => ({ version: String(family(ip.address as Address)), ...ip })) : ips,
    ...(routes.length > 0 && {
      routes: full ? routes : routes.map(({ dst, gw }) => ({ dst, ...(gw !== undefined && { gw }) })),
    }),
    dns,
  }
}

/** The result of the plugin before, or of ADD at the time of CHECK, or of another plugin, in the shape of any version since 0.3. */
export function readResult(value: unknown, where = 'prevResult'): Result {
  const result = objectOf(value, where)
  const interfaces = list(result, 'interfaces', `${where}.interfaces`).map((one, at) =>
    readInterface(objectOf(one, `${where}.interfaces[${at}]`), `${where}.interfaces[${at}]`),
  )
  return {
    interfaces,
    ips: list(result, 'ips', `${where}.ips`).map((one, at) =>
      readIp(objectOf(one, `${where}.ips[${at}]`), `${where}.ips[${at}]`, interfaces.length),
    ),
    routes: list(result, 'routes', `${where}.routes`).map((one, at) => objectOf(one, `${where}.routes[${at}]`)),
    dns: object(result, 'dns', `${where}.dns`),
  }
}

/** What the plugin before has made stays in front, so that its places in `interfaces` stay. */
export function joined(before: Result, own: Result): Result {
  const ips = own.ips.map((ip) =>
    ip.interface === undefined ? ip : { ...ip, interface: ip.interface + before.interfaces.length },
  )
  return {
    interfaces: [...before.interfaces, ...own.interfaces],
    ips: [...before.ips, ...ips],
    routes: [...before.routes, ...own.routes],
    dns: { ...before.dns, ...own.dns },
  }
}

function readInterface(fields: Fields, where: string): Interface {
  const name = text(fields, 'name', `${where}.name`)
  if (name === undefined) throw wrong(`${where}.name`, name, 'a name')
  const mtu = number(fields, 'mtu', { min: 0, max: 0xffffffff }, `${where}.mtu`)
  const texts = (['mac', 'sandbox', 'socketPath', 'pciID'] as const).map((key) => [
    key,
    text(fields, key, `${where}.${key}`),
  ])
  return {
    name,
    ...Object.fromEntries(texts.filter(([, value]) => value !== undefined)),
    ...(mtu !== undefined && { mtu }),
  }
}

function readIp(fields: Fields, where: string, interfaces: number): Ip {
  const address = text(fields, 'address', `${where}.address`)
  if (parseAddress(address?.replace(/\/\d{1,3}$/, '') ?? '') === undefined || !address?.includes('/'))
    throw wrong(`${where}.address`, address, 'an address with its length, such as 10.22.0.2/16')
  const gateway = text(fields, 'gateway', `${where}.gateway`)
  const at = number(fields, 'interface', { min: 0, max: Math.max(0, interfaces - 1) }, `${where}.interface`)
  return { address, ...(gateway !== undefined && { gateway }), ...(at !== undefined && { interface: at }) }
}
