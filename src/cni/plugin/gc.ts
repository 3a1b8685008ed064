import { routesForNow } from '../sockets.ts'
import { deleteCables } from '../reaper.ts'
import type { Lease } from '../lease.ts'
import { dropEmpty, placesOf } from './del.ts'
import { otherIpamFor } from './delegate-ipam.ts'
import { dropRecord, proofOf, recordsOf } from './delegate-record.ts'
import type { Call } from './environment.ts'
import { keepOnlyExtras } from './extras.ts'
import { list, objectOf, text, wrong } from './fields.ts'
import type { Fields, Input } from './input.ts'
import { otherIpam } from './ipam-plan.ts'
import { hostDeviceOf, inTurn, openBook, ownerOfNote } from './leases.ts'
import { isGone, readProofs } from './reclaim.ts'

/** Frees what no living container has: after a reboot, everything. Like DEL it needs no valid configuration. */
export function gc(call: Call, input: Input): undefined {
  const { name: network, fields } = input
  const places = placesOf(input)
  const { dataDir, leaseDir, folders } = places
  using socket = routesForNow()
  const said = aliveIn(network, fields)
  const delegated = inTurn(folders, () => {
    // When nobody says who is alive, whoever has a cable may be, and only who is gone for certain is freed.
    const alive = said ?? new Set(socket.links().map(({ name }) => name))
    const proofs = readProofs()
    const isDead = (of: Pick<Lease, 'hostDevice' | 'since'>): boolean =>
      said === undefined ? isGone(of, proofs) : !said.has(of.hostDevice)
    const records = recordsOf(dataDir, network).filter((record) => isDead(proofOf(record)))
    const book = openBook(leaseDir, network)
    const dead = book.held().filter(({ lease }) => isDead(lease))
    keepOnlyExtras(network, alive)
    // Cables whose address is not written down any more, too: their note says whose they are.
    const lost = socket.links().flatMap(({ name, alias }) => {
      const owner = ownerOfNote(alias)
      return owner?.network === network && hostDeviceOf(owner) === name && !alive.has(name) ? [name] : []
    })
    const cables = [...dead.map(({ lease }) => lease.hostDevice), ...records.map(({ owner }) => hostDeviceOf(owner))]
    deleteCables(socket, [...new Set([...cables, ...lost])])
    for (const { ipam, lease } of dead) ipam.free(lease)
    if (records.length === 0) dropEmpty(dataDir, book, network)
    return records
  })
  // The other plugin gets back what it gave to each: many have no GC of their own.
  const errors: unknown[] = []
  const attempt = (body: () => void): void => {
    try {
      body()
    } catch (error) {
      errors.push(error)
    }
  }
  for (const { owner, plugin } of delegated)
    attempt(() => {
      otherIpamFor(call, input, plugin).takeBack(owner)
      inTurn(folders, () => {
        dropRecord(dataDir, owner)
        dropEmpty(dataDir, openBook(leaseDir, network), network)
      })
    })
  const other = otherIpam(fields)
  if (other !== undefined) attempt(() => otherIpamFor(call, input, other).pass('GC'))
  if (errors.length > 0) throw errors[0]
}

/** The runtime's attachments that are alive, by the names of their cables; undefined when it does not say. */
export function aliveIn(network: string, fields: Fields): ReadonlySet<string> | undefined {
  const valid = validAttachments(fields)
  return valid && new Set(valid.map((one) => hostDeviceOf({ network, ...one })))
}

/** The specification's key, or the other one that libcni sends. `cnitool gc` sends neither: it does not know who lives. */
function validAttachments(fields: Fields): { containerId: string; ifname: string }[] | undefined {
  const key = ['cni.dev/valid-attachments', 'cni.dev/attachments'].find((one) => fields[one] !== undefined)
  if (key === undefined) return undefined
  return list(fields, key).map((one, at) => {
    const where = `${key}[${at}]`
    const attachment = objectOf(one, where)
    const containerId = text(attachment, 'containerID', `${where}.containerID`)
    const ifname = text(attachment, 'ifname', `${where}.ifname`)
    if (containerId === undefined || ifname === undefined) throw wrong(where, one, 'a containerID and an ifname')
    return { containerId, ifname }
  })
}
