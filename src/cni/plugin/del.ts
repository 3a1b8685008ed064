import { deleteLink } from '../../kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Call } from './environment.ts'
import { removeExtras, removeNetworkExtras } from './extras.ts'
import type { Input } from './input.ts'
import { heldBy, hostDeviceOf, inTurn, isOf } from './leases.ts'
import { dataDirOf } from './network.ts'

/**
 * Disconnects one interface of a container, and nothing else. Fine when repeated, when the namespace is gone, and when the configuration
 * has become wrong since ADD: whoever deletes must get rid of it.
 */
export function del({ containerId, ifname }: Call, input: Input): undefined {
  const dataDir = dataDirOf(input.fields)
  const owner = { network: input.name, containerId, ifname }
  inTurn(dataDir, () => {
    using socket = openRouteSocket()
    removeExtras(owner)
    // The cable first, the address last: a crash in between leaves what the next DEL, or GC, finds.
    socket.ensure(deleteLink(hostDeviceOf(owner)))
    for (const held of heldBy(dataDir, input.name)) if (isOf(held, owner)) held.ipam.free(held.lease)
    if (heldBy(dataDir, input.name).length === 0) removeNetworkExtras(input.name)
  })
}
