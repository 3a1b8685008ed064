import { routesForNow } from '../sockets.ts'
import { otherIpamFor } from './delegate-ipam.ts'
import { proofOf, recordsOf } from './delegate-record.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import type { Input } from './input.ts'
import { refuseExhausted } from './ipam-own.ts'
import { heldBy, inTurn } from './leases.ts'
import { type Network, readNetwork } from './network.ts'
import { isGone, readProofs } from './reclaim.ts'

/** Would ADD work? Silence means yes. */
export function status(call: Call, input: Input): undefined {
  const network = readNetwork(input, call.args)
  const { ipam: plan, dataDir, name } = network
  if (plan.kind === 'other') {
    inTurn([dataDir], () =>
      checkBridge(
        network,
        recordsOf(dataDir, name).flatMap((record) => (record.laid ? [proofOf(record)] : [])),
      ),
    )
    otherIpamFor(call, input, plan.plugin).pass('STATUS')
    return
  }
  inTurn([dataDir, plan.leaseDir], () => {
    checkBridge(
      network,
      heldBy(plan.leaseDir, name).map(({ lease }) => lease),
    )
    refuseExhausted(plan, name)
  })
}

/** Before the first ADD there need not be one; nor after a reboot, when pods are written down and a runtime that waits for STATUS makes none. */
function checkBridge({ name, bridge }: Network, pods: readonly Parameters<typeof isGone>[0][]): void {
  using socket = routesForNow()
  const link = socket.link(bridge)
  if (link !== undefined && link.kind !== 'bridge')
    throw new CniError('notAvailable', `${bridge} is there, but it is no bridge: rename it`)
  if (link?.up) return
  const proofs = readProofs()
  if (pods.every((pod) => isGone(pod, proofs))) return
  throw new CniError(
    'limited',
    `containers are on the network ${name}, and the bridge ${bridge} is ${link === undefined ? 'gone' : 'down'}`,
  )
}
