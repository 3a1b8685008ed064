import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Cidr, parseCidr } from '../../base/address.ts'
import { lockFolder } from '../../kernel/lock.ts'
import { type Ipam, openIpam, type Pool } from '../ipam.ts'
import type { Lease } from '../lease.ts'

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

/** All calls of the plugin take turns: the kernel makes links one at a time anyway. */
export function inTurn<T>(dataDir: string, body: () => T): T {
  const turn = lockFolder(dataDir, 0o700)
  try {
    return body()
  } finally {
    turn[Symbol.dispose]()
  }
}

/** One folder per network and range: what was given before a range was changed can still be freed. */
export function openRange(dataDir: string, network: string, range: Cidr, pool?: Pool): Ipam {
  return openIpam(range, join(dataDir, network, `${range.address}-${range.prefix}`), pool)
}

/** All addresses of a network, also of ranges that it has no more. */
export function heldBy(dataDir: string, network: string): Held[] {
  const folder = join(dataDir, network)
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const range = parseCidr(name.replace('-', '/'))
    if (range === undefined) return []
    const ipam = openRange(dataDir, network, range)
    return ipam.list().map((lease) => ({ lease, range, ipam }))
  })
}

export function isOf({ lease }: Held, { containerId, ifname }: Owner): boolean {
  return lease.id === containerId && lease.ifname === ifname
}

/**
 * The node's end of an owner's cable. The name follows from the owner: whoever deletes it deletes nobody else's, and finds it even when
 * everything that was written down is lost.
 */
export function hostDeviceOf({ network, containerId, ifname }: Owner): string {
  const digest = createHash('sha256').update(`${network}\0${containerId}\0${ifname}`).digest('hex')
  return `veth${digest.slice(0, 11)}`
}

/** Shown by `ip link`; the kernel keeps 255 bytes. */
export function noteOfOwner({ network, containerId, ifname }: Owner): string {
  return `cni ${network} ${containerId} ${ifname}`.slice(0, 255)
}

/** The owner that a cable's note tells of, when the cable is ours. */
export function ownerOfNote(hostDevice: string, note: string | undefined): Owner | undefined {
  const [word, network = '', containerId = '', ifname = ''] = (note ?? '').split(' ')
  const owner = { network, containerId, ifname }
  return word === 'cni' && hostDeviceOf(owner) === hostDevice ? owner : undefined
}
