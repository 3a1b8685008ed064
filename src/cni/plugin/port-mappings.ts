import { missingPort, type PortOwner, type PortTarget, publishPorts, withdrawPorts } from '../host-ports.ts'
import type { Connected, Extra } from './extras.ts'
import { hostDeviceOf, markOf } from './leases.ts'

/** Maps ports of the node to the pod. */
export const portMappings: Extra = {
  apply(pod) {
    const { ports } = pod.network.portMappings
    if (ports.length > 0) publishPorts(ownerOf(pod), ports, targetOf(pod))
    return []
  },
  check(pod) {
    const { ports } = pod.network.portMappings
    return ports.length > 0 ? missingPort(ownerOf(pod), ports, targetOf(pod)) : undefined
  },
  remove(owner) {
    const hostDevice = hostDeviceOf(owner)
    withdrawPorts((one) => one.hostDevice === hostDevice)
  },
  keepOnly(network, alive) {
    const mark = markOf(network)
    withdrawPorts((one) => one.network === mark && !alive.has(one.hostDevice))
  },
  removeNetwork(network) {
    const mark = markOf(network)
    withdrawPorts((one) => one.network === mark)
  },
}

function ownerOf({ owner: { network, containerId, ifname }, hostDevice, bridge }: Connected): PortOwner {
  const name = `${ifname} of ${containerId} on ${network}`
  return { hostDevice, network: markOf(network), bridge: bridge.name, name }
}

function targetOf({ leases, network }: Connected): PortTarget {
  return { addresses: leases.map(({ address }) => address), snat: network.portMappings.snat }
}
