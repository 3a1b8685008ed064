import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAddress } from '../../base/address.ts'
import { type Lease, readSince, type Since } from '../lease.ts'
import { isDeviceName, isSandboxId } from '../names.ts'
import type { GivenIp } from './ipam-given.ts'
import { type PodRoute, readRoute, writeRoute } from './ipam-route.ts'
import { hostDeviceOf, type Owner } from './leases.ts'

/**
 * That another plugin was asked for a pod's addresses. Written before it is asked and removed when it has taken them back, so that no crash
 * loses who is to be told: reference IPAM plugins have no GC of their own.
 */
export interface Delegated {
  readonly owner: Owner
  readonly plugin: string
  readonly since: Since
  /** Does its cable lie? Until then nobody can know whether its ADD is still under way. */
  readonly laid: boolean
  readonly ips: readonly GivenIp[]
  readonly routes: readonly PodRoute[]
}

/** No range has this name, so it is never taken for one. */
const folder = 'others'

/** Replaces what was written of this owner; whole or not at all. */
export function writeRecord(dataDir: string, record: Delegated): void {
  const { network, containerId: id, ifname } = record.owner
  const dir = join(dataDir, network, folder)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const name = hostDeviceOf(record.owner)
  const temporary = join(dir, `.${name}.${process.pid}`)
  const { plugin, since, laid, ips } = record
  const routes = record.routes.map(writeRoute)
  writeFileSync(temporary, `${JSON.stringify({ id, ifname, plugin, since, laid, ips, routes })}\n`, { mode: 0o600 })
  renameSync(temporary, join(dir, name))
}

/** Fine when there is none. */
export function dropRecord(dataDir: string, owner: Owner): void {
  rmSync(join(dataDir, owner.network, folder, hostDeviceOf(owner)), { force: true })
}

/** Have other plugins given addresses to this network's pods? May be asked out of turn: it removes nothing. */
export function hasRecords(dataDir: string, network: string): boolean {
  const dir = join(dataDir, network, folder)
  return existsSync(dir) && readdirSync(dir).length > 0
}

/** In turn. */
export function recordsOf(dataDir: string, network: string): Delegated[] {
  const dir = join(dataDir, network, folder)
  if (!existsSync(dir)) return []
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name)
    const found = name.startsWith('.') ? undefined : readRecord(network, readFileSync(path, 'utf8'))
    if (found !== undefined && hostDeviceOf(found.owner) === name) return [found]
    // Being written (in turn: by a process that is gone), or of nobody.
    rmSync(path, { force: true })
    return []
  })
}

/** Its addresses as those of our own ranges are written. */
export function leasesOf(record: Delegated): Lease[] {
  const { owner, ips } = record
  const { containerId: id, ifname } = owner
  return ips.map(({ address }) => ({ id, ifname, address, ...proofOf(record) }))
}

/** What `isGone` goes by: without a cable, only the machine's start is a proof. */
export function proofOf({ owner, since, laid }: Delegated): { hostDevice: string; since: Since } {
  return { hostDevice: hostDeviceOf(owner), since: laid ? since : { boot: since.boot } }
}

function readRecord(network: string, text: string): Delegated | undefined {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof found !== 'object' || found === null) return undefined
  const { id, ifname, plugin, since, laid, ips, routes } = found as { [key: string]: unknown }
  const known = readSince(since)
  if (typeof id !== 'string' || typeof ifname !== 'string' || typeof plugin !== 'string') return undefined
  if (!isSandboxId(id) || !isDeviceName(ifname) || known === undefined || !Array.isArray(ips)) return undefined
  return {
    owner: { network, containerId: id, ifname },
    plugin,
    since: known,
    laid: laid === true,
    ips: ips.flatMap(readIp),
    routes: Array.isArray(routes) ? routes.map((route, at) => readRoute(route, `routes[${at}]`)) : [],
  }
}

function readIp(value: unknown): GivenIp[] {
  if (typeof value !== 'object' || value === null) return []
  const { address, prefix, gateway } = value as { [key: string]: unknown }
  const read = typeof address === 'string' ? parseAddress(address) : undefined
  const through = typeof gateway === 'string' ? parseAddress(gateway) : undefined
  if (read === undefined || typeof prefix !== 'number') return []
  return [{ address: read, prefix, ...(through !== undefined && { gateway: through }) }]
}
