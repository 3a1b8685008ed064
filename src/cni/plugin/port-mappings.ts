import { codeOf } from '../../base/errors.ts'
import { nftablesForNow } from '../sockets.ts'
import { missingPort, type PortOwner, type PortTarget, publishPorts, withdrawPorts } from '../host-ports.ts'
import type { Connected, Extra } from './extras.ts'
import { hostDeviceOf, markOf } from './leases.ts'
import { readProofs } from './reclaim.ts'

/** Maps ports of the node to the pod. */
export const portMappings: Extra = {
  apply(pod) {
    const { ports } = pod.network.portMappings
    if (ports.length === 0) return []
    using nftables = nftablesForNow()
    const publish = (): void => publishPorts({ nftables }, ownerOf(pod), ports, targetOf(pod))
    try {
      publish()
    } catch (error) {
      if (codeOf(error) !== 'PortTaken') throw error
      // Perhaps by a pod that is gone and was never deleted: without its cable it cannot come back.
      const { cables } = readProofs()
      withdraw((one) => cables?.has(one.hostDevice) === false)
      publish()
    }
    return []
  },
  check(pod) {
    const { ports } = pod.network.portMappings
    if (ports.length === 0) return undefined
    using nftables = nftablesForNow()
    return missingPort({ nftables }, ownerOf(pod), ports, targetOf(pod))
  },
  remove(owner) {
    const hostDevice = hostDeviceOf(owner)
    withdraw((one) => one.hostDevice === hostDevice)
  },
  keepOnly(network, alive) {
    const mark = markOf(network)
    withdraw((one) => one.network === mark && !alive.has(one.hostDevice))
  },
  removeNetwork(network) {
    const mark = markOf(network)
    withdraw((one) => one.network === mark)
  },
}

function withdraw(isMeant: (owner: PortOwner) => boolean): void {
  using nftables = nftablesForNow()
  withdrawPorts({ nftables }, isMeant)
}

function ownerOf({ owner: { network, containerId, ifname }, hostDevice, bridge }: Connected): PortOwner {
  const name = `${ifname} of ${containerId} on ${network}`
  return { hostDevice, network: markOf(network), bridge: bridge.name, name }
}

function targetOf({ leases, network }: Connected): PortTarget {
  return { addresses: leases.map(({ address }) => address), snat: network.portMappings.snat }
}
