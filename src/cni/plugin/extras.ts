import type { Netns } from '../../kernel/netns.ts'
import type { TableFamily } from '../../kernel/nftables/table.ts'
import type { Link } from '../../kernel/rtnetlink/link.ts'
import type { RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Lease } from '../lease.ts'
import { nftablesForNow } from '../sockets.ts'
import { bandwidth } from './bandwidth.ts'
import { bridgeRules } from './bridge-rules.ts'
import { type Owner, ownTable } from './leases.ts'
import { dropMasquerade, ensureMasquerade, isMasqueraded } from './masquerade.ts'
import type { Network } from './network.ts'
import { portMappings } from './port-mappings.ts'
import type { Interface } from './result.ts'

/** A pod's interface whose cable lies. */
export interface Connected {
  network: Network
  owner: Owner
  /** All its addresses. */
  leases: readonly Lease[]
  /** The node's end of its cable, and the bridge. */
  hostDevice: string
  bridge: Link
  netns: Netns
  /** The node's. */
  socket: RouteSocket
}

/** What a network has beyond cables and addresses. Whatever it makes in the kernel, it finds again by the owner alone. */
export interface Extra {
  /** With each ADD, before the cable: what all pods of a network share. `tables`: the families in which the network has a table of its own. */
  prepare?(network: Network, tables: ReadonlySet<TableFamily>): void
  /** With each ADD, when the cable lies: what more there is for its result to name. Throws: `remove` is called, and nothing is kept. */
  apply?(pod: Connected): readonly Interface[]
  /** What is not as `prepare` and `apply` made it, in words; undefined: nothing. */
  check?(pod: Connected): string | undefined
  /** DEL, or an ADD that failed. Fine when there is nothing. */
  remove?(owner: Owner): void
  /** GC: what belongs to those of the network's pods that are not alive. `alive`: by the names of their cables, `hostDeviceOf`. */
  keepOnly?(network: string, alive: ReadonlySet<string>): void
  /** The last pod is gone. Fine when there is nothing. */
  removeNetwork?(network: string): void
}

const masquerade: Extra = {
  prepare: ensureMasquerade,
  check: ({ network }) =>
    isMasqueraded(network) ? undefined : `the network ${network.name} is not masqueraded as ipMasq says`,
  removeNetwork: dropMasquerade,
}

/** In the order in which they are made; they are removed in the reverse one. */
const extras: readonly Extra[] = [masquerade, bridgeRules, bandwidth, portMappings]
const reversed = extras.toReversed()

export function prepareExtras(network: Network): void {
  using nftables = nftablesForNow()
  // Most networks have none: one question instead of one for each family.
  const own = nftables.tables().flatMap(({ name, family }) => (name === ownTable(network.name) ? [family] : []))
  const tables = new Set(own)
  for (const extra of extras) extra.prepare?.(network, tables)
}

export function applyExtras(pod: Connected): Interface[] {
  return extras.flatMap((extra) => extra.apply?.(pod) ?? [])
}

/** The first difference. */
export function checkExtras(pod: Connected): string | undefined {
  for (const extra of extras) {
    const changed = extra.check?.(pod)
    if (changed !== undefined) return changed
  }
  return undefined
}

export function removeExtras(owner: Owner): void {
  for (const extra of reversed) extra.remove?.(owner)
}

export function keepOnlyExtras(network: string, alive: ReadonlySet<string>): void {
  for (const extra of reversed) extra.keepOnly?.(network, alive)
}

export function removeNetworkExtras(network: string): void {
  for (const extra of reversed) extra.removeNetwork?.(network)
}
