import { formatCidr } from '../../base/address.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { Link } from '../../kernel/rtnetlink/link.ts'
import { openRouteSocket, type RouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { routesForNow } from '../sockets.ts'
import type { Lease } from '../lease.ts'
import { otherIpamFor } from './delegate-ipam.ts'
import { recordsOf, leasesOf } from './delegate-record.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import { checkExtras } from './extras.ts'
import type { Input } from './input.ts'
import type { Given, GivenIp } from './ipam-given.ts'
import { taken } from './ipam-own.ts'
import { podNetns } from './kernel.ts'
import { hostDeviceOf, inTurn, type Owner } from './leases.ts'
import { type Network, readNetwork, settled } from './network.ts'
import { readResult, type Result } from './result.ts'

/** Is everything still as ADD made it, and as its result said? The first difference is the error. */
export function check(call: Call, input: Input): undefined {
  const network = readNetwork(input, call.args)
  if (input.fields['prevResult'] === undefined)
    throw new CniError('badConfig', 'CHECK needs prevResult, the result of ADD')
  const said = readResult(input.fields['prevResult'])
  const { containerId, ifname } = call
  const owner = { network: network.name, containerId, ifname }
  const { ipam: plan, dataDir } = network
  using netns = podNetns(call.netns)
  if (plan.kind === 'other') otherIpamFor(call, input, plan.plugin).pass('CHECK')
  inTurn(plan.kind === 'own' ? [dataDir, plan.leaseDir] : [dataDir], () => {
    const has: Has = plan.kind === 'own' ? taken(plan, owner) : recorded(network, owner)
    const { network: whole, given } = settled(network, has.given, has.ofOthers ?? [])
    for (const { address, prefix } of given.ips)
      if (!said.ips.some((ip) => ip.address === `${address}/${prefix}`))
        throw changed(`${address}/${prefix} belongs to ${ifname} of ${containerId}, and prevResult does not say so`)
    using socket = routesForNow()
    const hostDevice = hostDeviceOf(owner)
    const bridge = checkNode(socket, whole, hostDevice)
    const odd = checkExtras({ network: whole, owner, leases: has.leases, hostDevice, bridge, netns, socket })
    if (odd !== undefined) throw changed(odd)
    checkPod(netns, ifname, given, said)
  })
}

interface Has {
  given: Given
  leases: readonly Lease[]
  ofOthers?: readonly GivenIp[]
}

function recorded({ name, dataDir }: Network, owner: Owner): Has {
  const all = recordsOf(dataDir, name)
  const own = all.find((record) => hostDeviceOf(record.owner) === hostDeviceOf(owner))
  if (own === undefined) throw changed(`${owner.ifname} of ${owner.containerId} has no address of the network ${name}`)
  const given = { ips: own.ips, routes: own.routes, dns: {} }
  return { given, leases: leasesOf(own), ofOthers: all.flatMap(({ ips }) => ips) }
}

function checkNode(socket: RouteSocket, { bridge: name, isGateway, gateways }: Network, hostDevice: string): Link {
  const bridge = socket.link(name)
  if (bridge?.kind !== 'bridge') throw changed(`there is no bridge ${name}`)
  if (!bridge.up) throw changed(`the bridge ${name} is down`)
  const own = isGateway ? socket.addresses(bridge.index) : []
  for (const { address } of isGateway ? gateways : [])
    if (!own.some((one) => one.address === address))
      throw changed(`the bridge ${name} does not have the gateway's address ${address}`)
  const end = socket.link(hostDevice)
  if (end === undefined) throw changed(`there is no ${hostDevice}, the node's end of the cable`)
  if (end.master !== bridge.index) throw changed(`${hostDevice} is not on the bridge ${name}`)
  if (!end.up) throw changed(`${hostDevice} is down`)
  return bridge
}

function checkPod(netns: Netns, ifname: string, { ips, routes }: Given, said: Result): void {
  using socket = openRouteSocket(netns)
  const link = socket.link(ifname)
  if (link === undefined) throw changed(`the container has no ${ifname}`)
  if (!link.up) throw changed(`${ifname} of the container is down`)
  const told = said.interfaces.find((one) => one.name === ifname && one.sandbox !== undefined)
  if (told === undefined) throw changed(`prevResult has no interface ${ifname} with a sandbox`)
  if (told.mac !== undefined && told.mac.toLowerCase() !== link.mac)
    throw changed(`${ifname} has the Ethernet address ${link.mac}, not ${told.mac}`)
  const own = socket.addresses(link.index)
  for (const { address, prefix } of ips)
    if (!own.some((one) => one.address === address && one.prefix === prefix))
      throw changed(`${ifname} does not have ${address}/${prefix}`)
  for (const { to, via, table } of routes) {
    const there = socket
      .routes({ family: to.family, index: link.index, ...(table !== undefined && { table }) })
      .some((route) => formatCidr(route.to) === formatCidr(to) && route.via === via)
    if (!there)
      throw changed(`the container has no route to ${formatCidr(to)}${via === undefined ? '' : ` via ${via}`}`)
  }
}

function changed(say: string): CniError {
  return new CniError('changed', say)
}
