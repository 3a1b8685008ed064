import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Cidr, formatCidr, parseCidr } from '../../base/address.ts'
import { lockFolder } from '../../kernel/lock.ts'
import { type Ipam, openIpam } from '../ipam.ts'
import { netnsId, ownNetns } from '../../kernel/netns.ts'
import { readSysctl } from '../../kernel/sysctl.ts'
import type { Lease, Since } from '../lease.ts'
import type { Range } from './ranges.ts'

/** Whose an address is: one interface of one container, on one network. */
export interface Owner {
  network: string
  containerId: string
  ifname: string
}

/** An address, and where it is written down. */
export interface Held {
  lease: Lease
  range: Cidr
  ipam: Ipam
}

/** All calls of the plugin take turns: the kernel makes links one at a time anyway. Several folders are taken in the order of their names. */
export function inTurn<T>(folders: readonly string[], body: () => T): T {
  using turns = new DisposableStack()
  for (const folder of [...new Set(folders)].toSorted()) turns.use(lockFolder(folder, 0o700))
  return body()
}

/** Of a lease that is given now: our cable will be in the network namespace that this thread is in, or somebody else's. */
export function now(cable: 'ours' | 'not ours'): Since {
  boot ??= readSysctl('kernel.random.boot_id')
  return cable === 'not ours' ? { boot } : { boot, netns: netnsId(ownNetns) }
}
/** No process outlives it. */
let boot: string | undefined

/** All that is written down of one network's addresses, read once. */
export interface Book {
  /** Of a range that the book was opened with. */
  ipamOf(range: Range): Ipam
  /** Of all ranges, also of those that the network has no more. */
  held(): Held[]
}

/** One folder per network and range: what was given before a range was changed can still be freed. */
export function openBook(dataDir: string, network: string, ranges: readonly Range[] = []): Book {
  const folder = join(dataDir, network)
  const pools = new Map(ranges.map(({ subnet, pool }) => [folderOf(subnet), pool]))
  const there = existsSync(folder) ? readdirSync(folder) : []
  const open = new Map(
    [...new Set([...pools.keys(), ...there])].flatMap((name) => {
      const range = parseCidr(name.replace('-', '/'))
      if (range === undefined) return []
      return [[name, { range, ipam: openIpam(range, join(folder, name), pools.get(name)) }] as const]
    }),
  )
  return {
    ipamOf({ subnet }) {
      const found = open.get(folderOf(subnet))
      if (found === undefined) throw new TypeError(`the book was opened without ${formatCidr(subnet)}`)
      return found.ipam
    },
    held: () => [...open.values()].flatMap(({ range, ipam }) => ipam.list().map((lease) => ({ lease, range, ipam }))),
  }
}

export function heldBy(dataDir: string, network: string): Held[] {
  return openBook(dataDir, network).held()
}

function folderOf({ address, prefix }: Cidr): string {
  return `${address}-${prefix}`
}

/** Names of the networks that have a folder here. */
export function networksIn(dataDir: string): string[] {
  if (!existsSync(dataDir)) return []
  return readdirSync(dataDir, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []))
}

export function isOf({ lease }: Held, { containerId, ifname }: Owner): boolean {
  return lease.id === containerId && lease.ifname === ifname
}

/**
 * The node's end of an owner's cable. The name follows from the owner: whoever deletes it deletes nobody else's, and finds it even when
 * everything that was written down is lost.
 */
export function hostDeviceOf({ network, containerId, ifname }: Owner): string {
  return `veth${digestOf(`${network}\0${containerId}\0${ifname}`).slice(0, 11)}`
}

/** A network's name may be longer than what fits beside a port or a device. */
export function markOf(network: string): string {
  return digestOf(network).slice(0, 12)
}

/** The nf_tables table of a network, in each family in which it has one. */
export function ownTable(network: string): string {
  return `kubehop-cni-${markOf(network)}`
}

/** A call asks several times for the same few. */
function digestOf(text: string): string {
  const known = digests.get(text)
  if (known !== undefined) return known
  if (digests.size >= 100) digests.clear()
  const digest = createHash('sha256').update(text).digest('hex')
  digests.set(text, digest)
  return digest
}
const digests = new Map<string, string>()

/** The kernel keeps 255 bytes (IFALIASZ), and the zero at the end is one of them. */
const longestNote = 254

/** Shown by `ip link`. */
export function noteOfOwner({ network, containerId, ifname }: Owner): string {
  return `cni ${network} ${containerId} ${ifname}`.slice(0, longestNote)
}

/** The owner that a cable's note tells of; undefined for other notes, and for one that the kernel had no room for. */
export function ownerOfNote(note: string | undefined): Owner | undefined {
  const [word, network, containerId, ifname, ...more] = (note ?? '').split(' ')
  if (word !== 'cni' || !network || !containerId || !ifname || more.length > 0 || isCut(note)) return undefined
  return { network, containerId, ifname }
}

/** A note of ours that is too long to be read again. */
export function isCut(note: string | undefined): boolean {
  return note !== undefined && note.length >= longestNote && note.startsWith('cni ')
}
