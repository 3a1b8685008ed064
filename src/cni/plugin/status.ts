import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { otherIpamFor } from './delegate-ipam.ts'
import { recordsOf } from './delegate-record.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import type { Input } from './input.ts'
import { refuseExhausted } from './ipam-own.ts'
import { heldBy, inTurn } from './leases.ts'
import { type Network, readNetwork } from './network.ts'

/** Would ADD work? Silence means yes. */
export function status(call: Call, input: Input): undefined {
  const network = readNetwork(input, call.args)
  const { ipam: plan, dataDir, name } = network
  if (plan.kind === 'other') {
    inTurn([dataDir], () =>
      checkBridge(
        network,
        recordsOf(dataDir, name).some(({ laid }) => laid),
      ),
    )
    otherIpamFor(call, input, plan.plugin).pass('STATUS')
    return
  }
  inTurn([dataDir, plan.leaseDir], () => {
    checkBridge(network, heldBy(plan.leaseDir, name).length > 0)
    refuseExhausted(plan, name)
  })
}

/** Before the first ADD there need not be one. */
function checkBridge({ name, bridge }: Network, hasPods: boolean): void {
  using socket = openRouteSocket()
  const link = socket.link(bridge)
  if (link !== undefined && link.kind !== 'bridge')
    throw new CniError('notAvailable', `${bridge} is there, but it is no bridge: rename it`)
  if (link?.up || !hasPods) return
  throw new CniError(
    'limited',
    `containers are on the network ${name}, and the bridge ${bridge} is ${link === undefined ? 'gone' : 'down'}`,
  )
}
