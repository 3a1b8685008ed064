import { routesForNow } from '../sockets.ts'
import { detours, limitBandwidth, missingLimit, type Shaped, unlimitBandwidth } from '../bandwidth.ts'
import type { Connected, Extra } from './extras.ts'
import { hostDeviceOf, markOf } from './leases.ts'

/** Limits how fast a pod receives and sends. */
export const bandwidth: Extra = {
  apply(pod) {
    const detour = limitBandwidth(pod.socket, shapedOf(pod), pod.network.bandwidth)
    return detour === undefined ? [] : [{ name: detour.name, ...(detour.mac && { mac: detour.mac }), mtu: detour.mtu }]
  },
  check: (pod) => missingLimit(pod.socket, shapedOf(pod), pod.network.bandwidth),
  remove(owner) {
    using socket = routesForNow()
    unlimitBandwidth(socket, hostDeviceOf(owner))
  },
  keepOnly(network, alive) {
    using socket = routesForNow()
    for (const { hostDevice } of detours(socket.links(), markOf(network)))
      if (!alive.has(hostDevice)) unlimitBandwidth(socket, hostDevice)
  },
}

function shapedOf({ owner, hostDevice }: Connected): Shaped {
  return { hostDevice, network: markOf(owner.network) }
}
