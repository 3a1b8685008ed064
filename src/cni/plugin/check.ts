import { formatCidr } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { Link } from '../../kernel/rtnetlink/link.ts'
import { openRouteSocket, type RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import { checkExtras } from './extras.ts'
import type { Input } from './input.ts'
import { podNetns } from './kernel.ts'
import { type Held, heldBy, hostDeviceOf, inTurn, isOf } from './leases.ts'
import { type Network, readNetwork } from './network.ts'
import { readResult, type Result } from './result.ts'

/** Is everything still as ADD made it, and as its result said? The first difference is the error. */
export function check(call: Call, input: Input): undefined {
  const network = readNetwork(input, call.args)
  if (input.fields['prevResult'] === undefined)
    throw new CniError('badConfig', 'CHECK needs prevResult, the result of ADD')
  const said = readResult(input.fields['prevResult'])
  const { containerId, ifname } = call
  const owner = { network: network.name, containerId, ifname }
  using netns = podNetns(call.netns)
  inTurn(network.dataDir, () => {
    const held = heldBy(network.dataDir, network.name).find((one) => isOf(one, owner))
    if (held === undefined) throw changed(`${ifname} of ${containerId} has no address of the network ${network.name}`)
    const address = `${held.lease.address}/${held.range.prefix}`
    if (!said.ips.some((ip) => ip.address === address))
      throw changed(`${address} belongs to ${ifname} of ${containerId}, and prevResult does not say so`)
    using socket = openRouteSocket()
    const hostDevice = hostDeviceOf(owner)
    const bridge = checkNode(socket, network, hostDevice)
    const odd = checkExtras({ network, owner, leases: [held.lease], hostDevice, bridge, netns, socket })
    if (odd !== undefined) throw changed(odd)
    checkPod(netns, ifname, held, network, said)
  })
}

function checkNode(socket: RouteSocket, { bridge: name, isGateway, range }: Network, hostDevice: string): Link {
  const bridge = socket.link(name)
  if (bridge?.kind !== 'bridge') throw changed(`there is no bridge ${name}`)
  if (!bridge.up) throw changed(`the bridge ${name} is down`)
  const { gateway } = range.pool
  if (isGateway && !socket.addresses(bridge.index).some((one) => one.address === gateway))
    throw changed(`the bridge ${name} does not have the gateway's address ${gateway}`)
  const end = socket.link(hostDevice)
  if (end === undefined) throw changed(`there is no ${hostDevice}, the node's end of the cable`)
  if (end.master !== bridge.index) throw changed(`${hostDevice} is not on the bridge ${name}`)
  if (!end.up) throw changed(`${hostDevice} is down`)
  return bridge
}

function checkPod(netns: Netns, ifname: string, { lease, range }: Held, { routes }: Network, said: Result): void {
  using socket = openRouteSocket(netns)
  const link = socket.link(ifname)
  if (link === undefined) throw changed(`the container has no ${ifname}`)
  if (!link.up) throw changed(`${ifname} of the container is down`)
  const told = said.interfaces.find((one) => one.name === ifname && one.sandbox !== undefined)
  if (told === undefined) throw changed(`prevResult has no interface ${ifname} with a sandbox`)
  if (told.mac !== undefined && told.mac.toLowerCase() !== link.mac)
    throw changed(`${ifname} has the Ethernet address ${link.mac}, not ${told.mac}`)
  const { address } = lease
  if (!socket.addresses(link.index).some((one) => one.address === address && one.prefix === range.prefix))
    throw changed(`${ifname} does not have ${address}/${range.prefix}`)
  for (const { to, via, table } of routes) {
    const there = socket
      .routes({ family: to.family, index: link.index, ...(table !== undefined && { table }) })
      .some((route) => formatCidr(route.to) === formatCidr(to) && route.via === via)
    if (!there) throw changed(`the container has no route to ${formatCidr(to)} via ${via}`)
  }
}

function changed(say: string): CniError {
  return new CniError('changed', say)
}
