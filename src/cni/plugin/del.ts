import { routesForNow } from '../sockets.ts'
import { deleteCable } from '../reaper.ts'
import { otherIpamFor } from './delegate-ipam.ts'
import { dropRecord, recordsOf } from './delegate-record.ts'
import type { Call } from './environment.ts'
import { removeExtras, removeNetworkExtras } from './extras.ts'
import type { Input } from './input.ts'
import { dataDirOf, leaseDirOf, otherIpam } from './ipam-plan.ts'
import { type Book, hostDeviceOf, inTurn, isOf, openBook, type Owner } from './leases.ts'

/**
 * Disconnects one interface of a container, and nothing else. Fine when repeated, when the namespace is gone, and when the configuration
 * has become wrong since ADD: whoever deletes must get rid of it.
 */
export function del(call: Call, input: Input): undefined {
  const { containerId, ifname } = call
  const places = placesOf(input)
  const { dataDir, leaseDir, folders } = places
  const owner = { network: input.name, containerId, ifname }
  const giver = inTurn(folders, () => {
    using socket = routesForNow()
    removeExtras(owner)
    // The cable first, the address last: a crash in between leaves what the next DEL, or GC, finds.
    deleteCable(socket, hostDeviceOf(owner))
    const book = openBook(leaseDir, input.name)
    const giver = giverOf(dataDir, book, input, owner)
    if (giver === undefined) release(dataDir, book, owner)
    return giver
  })
  if (giver === undefined) return
  otherIpamFor(call, input, giver).takeBack()
  inTurn(folders, () => {
    dropRecord(dataDir, owner)
    release(dataDir, openBook(leaseDir, input.name), owner)
  })
}

/** Where a network's state is, for commands that need nothing else of its configuration. */
export interface Places {
  dataDir: string
  leaseDir: string
  /** Both, for `inTurn`. */
  folders: readonly string[]
}

export function placesOf({ fields }: Input): Places {
  const dataDir = dataDirOf(fields)
  const leaseDir = leaseDirOf(fields)
  return { dataDir, leaseDir, folders: [dataDir, leaseDir] }
}

/** Has the network nobody any more? Then what its pods shared goes, too. */
export function dropEmpty(dataDir: string, book: Book, network: string): void {
  if (book.held().length === 0 && recordsOf(dataDir, network).length === 0) removeNetworkExtras(network)
}

function release(dataDir: string, book: Book, owner: Owner): void {
  for (const held of book.held()) if (isOf(held, owner)) held.ipam.free(held.lease)
  dropEmpty(dataDir, book, owner.network)
}

/**
 * The other plugin that gave the addresses: as it was written down when it was asked; when nothing is written, neither there nor with us, the
 * one that the configuration names, which must be told of every DEL.
 */
function giverOf(dataDir: string, book: Book, { fields, name }: Input, owner: Owner): string | undefined {
  const record = recordsOf(dataDir, name).find((one) => hostDeviceOf(one.owner) === hostDeviceOf(owner))
  if (record !== undefined) return record.plugin
  return book.held().some((held) => isOf(held, owner)) ? undefined : otherIpam(fields)
}
