import { type Address, parseAddress } from '../base/address.ts'

/** Who has an address: one interface of one sandbox. */
export interface Lease {
  readonly id: string
  readonly ifname: string
  readonly address: Address
  /** The other end of its cable, on the node. */
  readonly hostDevice: string
  /** When and where it was given, for whoever has to know later whether its owner can still be there. */
  readonly since?: Since
}

/** Nothing that is connected outlives its boot; and a cable is only ever in the network namespace that it was laid from. */
export interface Since {
  /** /proc/sys/kernel/random/boot_id */
  readonly boot: string
  /** The node's network namespace as `netnsId` writes it; left out when the cable is not ours. */
  readonly netns?: string
}

/** From a file; undefined for anything else than what was written. */
export function readSince(value: unknown): Since | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { boot, netns } = value as Record<string, unknown>
  if (typeof boot !== 'string' || boot === '') return undefined
  return { boot, ...(typeof netns === 'string' && { netns }) }
}

/** The note on the node's end of a cable: whose it is. The kernel keeps it (and `ip link` shows it) even when our files are lost. */
export function noteOf(lease: Lease): string {
  return `pod ${lease.id} ${lease.ifname} ${lease.address}`
}

/** The lease that a device's note tells of, or undefined when it is not ours or only half made. */
export function leaseOfNote(hostDevice: string, note: string | undefined): Lease | undefined {
  const [word, id, ifname, text, ...rest] = (note ?? '').split(' ')
  const address = parseAddress(text ?? '')
  if (word !== 'pod' || !id || !ifname || address === undefined || rest.length > 0) return undefined
  return { id, ifname, address, hostDevice }
}
