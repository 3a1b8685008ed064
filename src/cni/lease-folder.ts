import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Address, type Cidr, contains, formatCidr, parseAddress } from '../base/address.ts'
import { codeOf, KubehopError } from '../base/errors.ts'
import { type Lease, readSince } from './lease.ts'
import { isDeviceName, isSandboxId } from './names.ts'

/** The given addresses of one range, as they are written down: a file each, and the last one given. */
export interface LeaseFolder {
  readonly leases: Map<Address, Lease>
  last: Address | undefined
}

/** The file that holds the last one given. */
export const lastFile = 'last'

/** Reads what is in `dir`, if it is there. Files of other names are an error, never guessed at. */
export function readLeaseFolder(range: Cidr, dir: string): LeaseFolder {
  const folder: LeaseFolder = { leases: new Map(), last: undefined }
  for (const name of existsSync(dir) ? readdirSync(dir) : []) readName(folder, range, dir, name)
  return folder
}

/**
 * Reads one file again: what it is now. false: another process is writing it. An address whose file says the same keeps its object.
 */
export function readName(folder: LeaseFolder, range: Cidr, dir: string, name: string): boolean {
  if (name.startsWith('.')) {
    if (!isLeftBehind(name)) return !existsSync(join(dir, name))
    rmSync(join(dir, name), { force: true })
    return true
  }
  const text = readText(join(dir, name))
  if (name === lastFile) {
    folder.last = text === undefined ? undefined : addressIn(range, dir, text.trim())
    return true
  }
  const address = addressIn(range, dir, name)
  const lease = text === undefined ? undefined : leaseOf(address, text)
  if (lease === undefined) {
    // One that a power failure left without its content: what the kernel still shows of it is restored from there.
    if (text !== undefined) rmSync(join(dir, name))
    folder.leases.delete(address)
  } else if (!isDeepStrictEqual(folder.leases.get(address), lease)) folder.leases.set(address, lease)
  return true
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
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

/** undefined for anything else than what was written. */
function leaseOf(address: Address, text: string): Lease | undefined {
  const found: unknown = parseJson(text)
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
