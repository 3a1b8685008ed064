import { type Address, parseAddress } from '../base/address.ts'

/** Who has an address: one interface of one sandbox. */
export interface Lease {
  readonly id: string
  readonly ifname: string
  readonly address: Address
  /** The other end of its cable, on the node. */
  readonly hostDevice: string
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
