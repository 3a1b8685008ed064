import { type Address, family } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { NetlinkError } from '../../kernel/netlink/error.ts'
import type { Netns } from '../../kernel/netns.ts'
import { diff } from '../../kernel/nftables/diff.ts'
import { type Nftables, openNftables } from '../../kernel/nftables/socket.ts'
import { addAddress, deleteAddress } from '../../kernel/rtnetlink/address.ts'
import { deleteLink, setLink } from '../../kernel/rtnetlink/link.ts'
import { addLink } from '../../kernel/rtnetlink/linkdata.ts'
import { openRouteSocket, type RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { nodeRules } from './rules.ts'

export const nodeLink = 'kubehop-dns'

export interface HoldOptions {
  /** Link-local, so that it means this node wherever it is asked: 169.254.20.10. */
  readonly address: Address
  readonly port: number
  readonly ns?: Netns
  /** Leaves the address at the end: questions are refused at once then, and go to the next name server, until somebody serves it again. */
  readonly keep?: boolean
}

/**
 * Gives this node an address for its own resolver, which connection tracking leaves alone: a device with nothing behind it, and a table of rules.
 * What a resolver that was killed left is taken over. `close` removes both.
 * @throws KubehopError `Running` when another process holds it; `Taken` when another device has the address.
 */
export function holdNodeAddress({ address, port, ns, keep = false }: HoldOptions): { close(): void } {
  const nftables = openNftables(ns, { buffer: 256 * 1024 })
  try {
    // First of all: the kernel lets one process only own the table, however the one before has ended.
    own(nftables, address, port)
    layDevice(address, ns)
  } catch (error) {
    nftables.close()
    throw error
  }
  return {
    close() {
      if (!keep) removeDevice(ns)
      nftables.close()
    },
  }
}

function own(nftables: Nftables, address: Address, port: number): void {
  const rules = nodeRules(address, port)
  try {
    nftables.apply(diff(undefined, rules))
  } catch (error) {
    // The kernel says the same to who may change nothing at all; that one may not read either.
    if (error instanceof NetlinkError && error.code === 'EPERM' && nftables.read(rules.table))
      throw refuse('Running', 'another resolver of this node runs already: end it first', error)
    throw error
  }
}

/**
 * A bridge without ports, where others take a dummy: small kernels have no dummy devices, and without bridges there is no pod network anyway. Its
 * addresses are the node's own although it has no carrier.
 */
function layDevice(address: Address, ns: Netns | undefined): void {
  using socket = openRouteSocket(ns)
  const holder = socket.addresses().find((one) => one.address === address)
  const known = socket.link(nodeLink)
  if (holder && holder.index !== known?.index) {
    const name = socket.link(holder.index)?.name ?? `device ${holder.index}`
    throw refuse('Taken', `${name} of this node has ${address} already: remove it there, or take another address`)
  }
  const made = known === undefined
  if (made) socket.apply(addLink({ kind: 'bridge', name: nodeLink }))
  try {
    bringUp(socket, address)
  } catch (error) {
    if (made) socket.ensure(deleteLink(nodeLink))
    throw error
  }
}

function bringUp(socket: RouteSocket, address: Address): void {
  const index = socket.link(nodeLink)?.index
  if (index === undefined) throw new Error(`link ${nodeLink} was made and is not there`)
  const old = socket.addresses(index).filter((one) => one.index === index && one.address !== address)
  socket.ensure(...old.map(deleteAddress))
  socket.ensure(
    setLink(index, { ipv6LinkLocal: false, alias: 'the node’s own name server' }),
    addAddress({ index, address, prefix: family(address) === 4 ? 32 : 128 }),
    setLink(index, { up: true }),
  )
}

function removeDevice(ns: Netns | undefined): void {
  using socket = openRouteSocket(ns)
  socket.ensure(deleteLink(nodeLink))
}

function refuse(code: string, say: string, cause?: unknown): KubehopError {
  return new KubehopError('dns', 'hold the node’s address', code, say, { cause })
}
