import { type Address, type Family, family } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Nftables } from '../kernel/nftables/socket.ts'
import { hasSysctl, writeSysctl } from '../kernel/sysctl.ts'
import {
  changePorts,
  isSound,
  placeOf,
  type PortElement,
  portKey,
  type ProtocolName,
  readPorts,
  returning,
  targetOf,
  without,
} from './host-ports-elements.ts'
import { forgetUdp } from './host-ports-udp.ts'
import { nftablesForNow } from './sockets.ts'

/** A port of the node that leads to a port of one pod: `ports[].hostPort` of a container. */
export interface HostPort {
  /** 1 to 65535. */
  readonly hostPort: number
  /** 1 to 65535. */
  readonly containerPort: number
  readonly protocol: ProtocolName
  /** Only at this address of the node. 0.0.0.0 and :: are all of its IP family; without it, all of the families that the pod has. */
  readonly hostIP?: Address
}

/** Whose a port is. Only `name` may have a space in it. */
export interface PortOwner {
  /** The node's end of its cable: nobody else has it. */
  readonly hostDevice: string
  /** Up to 12 characters. */
  readonly network: string
  readonly bridge: string
  /** For people. */
  readonly name: string
}

/** The node that they are ports of. */
export interface PortNode {
  readonly nftables: Nftables
  /** The thread's own when left out; `nftables` is a socket there. */
  readonly ns?: Netns | undefined
}

/** Where published ports lead to. */
export interface PortTarget {
  /** The pod's; the first of each IP family is used. */
  readonly addresses: readonly Address[]
  /** The node's 127.0.0.1 and the pod itself reach the port, too; the pod sees the node's address instead of theirs. */
  readonly snat: boolean
}

/**
 * Publishes all of a pod's ports, or none. One that another pod has is an error (`PortTaken`) that names it. What a process of the node
 * listens on is translated away from it, as the reference plugin does.
 */
export function publishPorts(node: PortNode, owner: PortOwner, ports: readonly HostPort[], target: PortTarget): void {
  const { nftables, ns } = node
  const wanted = elementsOf(owner, ports, target)
  if (wanted.length === 0) return
  try {
    changePorts(nftables, (present) => {
      const others = present.filter((element) => ownerOf(element)?.hostDevice !== owner.hostDevice)
      for (const port of ports) refuseTaken(port, others)
      const foreign = new Set(others)
      const own = present.filter((element) => !foreign.has(element))
      return { add: without(wanted, own), remove: without(own, wanted) }
    })
    // After the rules that keep everybody else from using it.
    if (wanted.some(isLoopback)) writeSysctl(localnetOf(owner.bridge), 1, ns)
    forgetUdp(wanted, 'published', ns)
  } catch (error) {
    withdrawPorts(node, (one) => one.hostDevice === owner.hostDevice)
    throw error
  }
}

/** Everybody who has ports of the node, once for each. */
export function portOwners({ nftables }: PortNode): PortOwner[] {
  return [...new Set(readPorts(nftables).map(({ comment }) => comment))].flatMap(
    (comment) => ownerOf({ comment }) ?? [],
  )
}

/** Takes back the ports of whoever is meant; fine when there are none. */
export function withdrawPorts({ nftables, ns }: PortNode, isMeant: (owner: PortOwner) => boolean): void {
  const isGone = (element: PortElement): boolean => {
    const owner = ownerOf(element)
    return owner === undefined || isMeant(owner)
  }
  const present = readPorts(nftables)
  const gone = present.filter(isGone)
  if (gone.length === 0) return
  const stay = new Set(present.filter((one) => isLoopback(one) && !isGone(one)).map((one) => ownerOf(one)?.bridge))
  // First the setting, then the rules that make it harmless.
  for (const bridge of new Set(gone.filter(isLoopback).map((one) => ownerOf(one)?.bridge)))
    if (bridge !== undefined && !stay.has(bridge) && hasSysctl(localnetOf(bridge), ns))
      writeSysctl(localnetOf(bridge), 0, ns)
  changePorts(nftables, (now) => ({ add: [], remove: now.filter(isGone) }))
  forgetUdp(gone, 'withdrawn', ns)
}

/** What is not as `publishPorts` made it, in words; undefined: nothing. */
export function missingPort(
  { nftables }: PortNode,
  owner: PortOwner,
  ports: readonly HostPort[],
  target: PortTarget,
): string | undefined {
  const wanted = elementsOf(owner, ports, target)
  if (!isSound(nftables, wanted)) return 'the rules for ports of the node are not those that were made'
  const present = readPorts(nftables)
  for (const port of ports)
    if (without(elementsOf(owner, [port], target), present).length > 0)
      return `${spoken(port)} of the node does not lead to port ${port.containerPort} of ${owner.name}`
  return undefined
}

/** Do ports of the bridge's pods have to be reachable from the node's 127.0.0.1? Then its `route_localnet` is on, and guarded. */
export function usesLoopback(bridge: string, ns?: Netns): boolean {
  using nftables = nftablesForNow(ns)
  return readPorts(nftables).some((element) => isLoopback(element) && ownerOf(element)?.bridge === bridge)
}

function elementsOf(owner: PortOwner, ports: readonly HostPort[], target: PortTarget): PortElement[] {
  const comment = commentOf(owner)
  const elements = ports.flatMap((port) => elementsOfPort(port, target).map((element) => ({ ...element, comment })))
  const once = new Map<string, PortElement>()
  for (const element of elements) {
    const other = once.get(placeOf(element))
    if (other !== undefined && other.data !== element.data)
      throw refused(
        ports.find((port) => leadsTwice(port, ports)) ?? ports[0],
        'AskedTwice',
        'it cannot lead to two ports',
      )
    // The same port may be asked for twice; and `returning` is shared by all ports of a pod.
    once.set(placeOf(element), element)
  }
  return [...once.values()]
}

function elementsOfPort(port: HostPort, { addresses, snat }: PortTarget): Omit<PortElement, 'comment'>[] {
  const { hostPort, containerPort, protocol, hostIP } = port
  const families = ([4, 6] as const).filter((of) => (hostIP === undefined ? true : family(hostIP) === of))
  const elements = families.flatMap((of): Omit<PortElement, 'comment'>[] => {
    const pod = addresses.find((one) => family(one) === of)
    if (pod === undefined) return []
    const data = targetOf(pod, containerPort)
    const element = (set: 'exact' | 'any' | 'loopback', at?: Address): Omit<PortElement, 'comment'> => ({
      family: of,
      set,
      key: portKey(protocol, hostPort, at),
      data,
    })
    const hairpin = snat ? [returning(pod, pod)] : []
    const local = snat && of === 4 ? [returning(localhost, pod)] : []
    if (hostIP === undefined || isWildcard(hostIP))
      return [element('any'), ...(local.length > 0 ? [element('loopback')] : []), ...hairpin, ...local]
    if (hostIP === '::1')
      throw refused(port, 'NotPublishable', 'nothing that is sent to ::1 can leave the node: use 127.0.0.1')
    if (!isLoopbackAddress(hostIP)) return [element('exact', hostIP), ...hairpin]
    if (!snat) throw refused(port, 'NotPublishable', `${hostIP} needs snat: no pod can answer to it`)
    return [element('exact', hostIP), ...local]
  })
  if (elements.length > 0) return elements
  const missing: Family = hostIP === undefined ? 4 : family(hostIP)
  throw refused(port, 'NoAddress', `the pod has no IPv${missing} address that hostIP ${hostIP} could lead to`)
}

/** The same port at the same address of the node, or at all of them. */
function refuseTaken(port: HostPort, others: readonly PortElement[]): void {
  const key = portKey(port.protocol, port.hostPort)
  const { hostIP } = port
  for (const other of others) {
    if (other.set === 'returning' || !other.key.startsWith(key)) continue
    if (hostIP !== undefined && family(hostIP) !== other.family) continue
    const everywhere = hostIP === undefined || isWildcard(hostIP) || other.set !== 'exact'
    if (everywhere || other.key === portKey(port.protocol, port.hostPort, hostIP))
      throw refused(port, 'PortTaken', `${ownerOf(other)?.name ?? 'somebody'} has it`)
  }
}

function leadsTwice(port: HostPort, ports: readonly HostPort[]): boolean {
  return ports.some(
    (one) =>
      one.hostPort === port.hostPort && one.protocol === port.protocol && one.containerPort !== port.containerPort,
  )
}

function refused(port: HostPort | undefined, code: string, say: string): KubehopError {
  return new KubehopError('cni', `publish ${port === undefined ? 'a port' : spoken(port)}`, code, say)
}

function spoken({ hostPort, protocol, hostIP }: HostPort): string {
  return `port ${hostPort}/${protocol}${hostIP === undefined ? '' : ` of ${hostIP}`}`
}

/** nft shows it behind the element, up to 127 bytes of it. */
function commentOf({ hostDevice, network, bridge, name }: PortOwner): string {
  return `${hostDevice} ${network} ${bridge} ${name}`.slice(0, 120)
}

function ownerOf({ comment }: Pick<PortElement, 'comment'>): PortOwner | undefined {
  const [hostDevice, network, bridge, ...name] = comment.split(' ')
  if (hostDevice === undefined || network === undefined || bridge === undefined) return undefined
  return { hostDevice, network, bridge, name: name.join(' ') }
}

const localhost = '127.0.0.1' as Address

function isLoopback({ set, key, family: of }: PortElement): boolean {
  return set === 'loopback' || (set === 'exact' && of === 4 && key.charCodeAt(8) === 127)
}

function isLoopbackAddress(address: Address): boolean {
  return address.startsWith('127.')
}

function isWildcard(address: Address): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** The setting by which the kernel takes packets from and for 127.0.0.0/8 from a bridge. */
export function localnetOf(bridge: string): string {
  // sysctl(8): a dot in a name is written as a slash.
  return `net.ipv4.conf.${bridge.replaceAll('.', '/')}.route_localnet`
}
