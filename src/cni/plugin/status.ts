import { formatCidr } from '../../base/address.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import type { Input } from './input.ts'
import { heldBy, inTurn, openRange } from './leases.ts'
import { type Network, readNetwork } from './network.ts'

/** Would ADD work? Silence means yes. */
export function status({ args }: Call, input: Input): undefined {
  const network = readNetwork(input, args)
  inTurn(network.dataDir, () => {
    checkBridge(network)
    const { subnet, pool } = network.range
    const ipam = openRange(network.dataDir, network.name, subnet, pool)
    if (ipam.available() === 0n)
      throw new CniError(
        'notAvailable',
        `no IP addresses available in ${formatCidr(subnet)} for the network ${network.name}: DEL or GC frees those of containers that are gone`,
      )
  })
}

/** Before the first ADD there need not be one. */
function checkBridge({ name, dataDir, bridge }: Network): void {
  using socket = openRouteSocket()
  const link = socket.link(bridge)
  if (link !== undefined && link.kind !== 'bridge')
    throw new CniError('notAvailable', `${bridge} is there, but it is no bridge: rename it`)
  if (link?.up || heldBy(dataDir, name).length === 0) return
  throw new CniError(
    'limited',
    `containers are on the network ${name}, and the bridge ${bridge} is ${link === undefined ? 'gone' : 'down'}`,
  )
}
