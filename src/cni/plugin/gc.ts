import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { deleteCables } from '../reaper.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import { keepOnlyExtras, removeNetworkExtras } from './extras.ts'
import { list, objectOf, text, wrong } from './fields.ts'
import type { Fields, Input } from './input.ts'
import { heldBy, hostDeviceOf, inTurn, ownerOfNote } from './leases.ts'
import { dataDirOf } from './network.ts'

/** Frees what no living container has: after a reboot, everything. Like DEL it needs no valid configuration. */
export function gc(_call: Call, { name: network, fields }: Input): undefined {
  const dataDir = dataDirOf(fields)
  const alive = new Set(
    validAttachments(fields).map(({ containerId, ifname }) => hostDeviceOf({ network, containerId, ifname })),
  )
  inTurn(dataDir, () => {
    const dead = heldBy(dataDir, network).filter(
      ({ lease: { id, ifname } }) => !alive.has(hostDeviceOf({ network, containerId: id, ifname })),
    )
    keepOnlyExtras(network, alive)
    using socket = openRouteSocket()
    // Cables whose address is not written down any more, too: their note says whose they are.
    const lost = socket
      .links()
      .filter(({ name, alias }) => ownerOfNote(name, alias)?.network === network && !alive.has(name))
    deleteCables(socket, [...new Set([...dead.map(({ lease }) => lease.hostDevice), ...lost.map(({ name }) => name)])])
    for (const { ipam, lease } of dead) ipam.free(lease)
    if (heldBy(dataDir, network).length === 0) removeNetworkExtras(network)
  })
}

/** The specification's key, or the other one that libcni sends. Without either nobody can know who lives, and nothing is freed. */
function validAttachments(fields: Fields): { containerId: string; ifname: string }[] {
  const key = ['cni.dev/valid-attachments', 'cni.dev/attachments'].find((one) => fields[one] !== undefined)
  if (key === undefined) throw new CniError('badConfig', 'GC needs cni.dev/valid-attachments: who is still alive')
  return list(fields, key).map((one, at) => {
    const where = `${key}[${at}]`
    const attachment = objectOf(one, where)
    const containerId = text(attachment, 'containerID', `${where}.containerID`)
    const ifname = text(attachment, 'ifname', `${where}.ifname`)
    if (containerId === undefined || ifname === undefined) throw wrong(where, one, 'a containerID and an ifname')
    return { containerId, ifname }
  })
}
