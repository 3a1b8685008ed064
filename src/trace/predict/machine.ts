import { type Address, type Cidr, contains } from '../../base/address.ts'
import type { Ruleset } from '../../kernel/nftables/ruleset.ts'
import type { Place } from '../observation.ts'

// What decides in one network namespace where a packet goes: a node's, a pod's, the router's. Read from its kernel, or what the objects
// promise: the walk (walk.ts) does not ask which.

export interface Machine {
  readonly place: Place
  readonly devices: readonly MachineDevice[]
  readonly addresses: readonly { readonly address: Address; readonly device: string }[]
  readonly routes: readonly MachineRoute[]
  /** Ethernet addresses that somebody entered for good (permanent): nobody is asked for them. */
  readonly neighbours?: readonly { readonly address: Address; readonly device: string; readonly mac: string }[]
  /** net.ipv4.ip_forward: takes packets that are for others. */
  readonly forwards: boolean
  /** net.bridge.bridge-nf-call-iptables: what a bridge carries from port to port meets the rules for IP, too. */
  readonly filtersBridged: boolean
  /** Its rules for services are those of the objects; false where its kernel has none. */
  readonly serves: boolean
  /** Other rules: everybody's but this cluster's own. */
  readonly tables: readonly Ruleset[]
  /** Sockets that wait; undefined where nobody looked. */
  readonly listeners?: readonly MachineListener[]
  /** Of a pod: the ports that its containers declare; they may listen on others, and on none of these. */
  readonly declares?: readonly { readonly protocol: string; readonly port: number }[]
  /** Protocols of whose sockets the kernel tells nothing. */
  readonly untold?: readonly string[]
  /** Where all this was read. */
  readonly known: 'kernel' | 'objects'
}

export interface MachineDevice {
  readonly name: string
  readonly index?: number
  readonly mac?: string
  readonly up: boolean
  /** The other end of its cable is up, too; absent where nobody asked. */
  readonly carrier?: boolean
  readonly isBridge?: boolean
  /** The bridge that it is a port of. */
  readonly bridge?: string
  /** A frame may leave the bridge by the port it came in by. */
  readonly hairpin?: boolean
  /** rp_filter: takes only what comes from where it would itself send to, by this card (`strict`) or by any. */
  readonly comesBack?: 'strict' | 'loose'
  /** The index of the cable's other end, in another namespace. */
  readonly peer?: number
  /** The pod (`namespace/name`) at the other end of this cable. */
  readonly pod?: string
}

export interface MachineRoute {
  readonly to: Cidr
  readonly kind: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit'
  readonly via?: Address
  readonly device?: string
  /** The address of this machine that it sends from by this way. */
  readonly source?: Address
  /** Lower goes first. */
  readonly priority?: number
}

export interface MachineListener {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly address: Address
  readonly port: number
  /** TCP: more connections wait than listen(2) allowed, so the kernel throws away what would begin another (sk_acceptq_is_full). */
  readonly full?: true
}

/** Everything that {@link Machine} says of one namespace, as an agent tells it before a request is sent: JSON. */
export interface MachineState extends Omit<Machine, 'tables' | 'known'> {
  /** Each written by {@link tables.writeTable}. */
  readonly tables: readonly string[]
}

export function isLocal({ addresses }: Pick<Machine, 'addresses'>, address: Address): boolean {
  return address.startsWith('127.') || addresses.some((one) => one.address === address)
}

/** A machine of the nodes' wire that is none of this cluster's: what it does with a packet, nobody sees. */
export function isStranger({ place: { kind, name } }: Machine): boolean {
  return kind === 'outside' && name !== 'outside'
}

/** The longest prefix goes first, then the lowest metric, as in the kernel's table. */
export function routeTo(
  { routes, devices }: Pick<Machine, 'routes' | 'devices'>,
  to: Address,
): MachineRoute | undefined {
  const down = new Set(devices.filter(({ up }) => !up).map(({ name }) => name))
  let best: MachineRoute | undefined
  for (const route of routes) {
    if (!contains(route.to, to) || (route.device !== undefined && down.has(route.device))) continue
    if (
      !best ||
      route.to.prefix > best.to.prefix ||
      (route.to.prefix === best.to.prefix && (route.priority ?? 0) < (best.priority ?? 0))
    )
      best = route
  }
  return best
}

/** Whether a machine takes a packet from there by one of its cards: fib_validate_source. */
function mayComeBy(machine: Pick<Machine, 'routes' | 'devices'>, source: Address, card: string): boolean {
  const comesBack = machine.devices.find(({ name }) => name === card)?.comesBack
  if (comesBack === undefined) return true
  const route = routeTo(machine, source)
  return route?.kind === 'unicast' && (comesBack === 'loose' || route.device === card)
}

/** Whether a packet is thrown away for whom it comes from; a table's no to whom it is for comes first (ip_route_input_slow). */
export function refusesSource(
  machine: Pick<Machine, 'routes' | 'devices' | 'addresses' | 'forwards'>,
  { source, destination }: { readonly source: Address; readonly destination: Address },
  card: string,
): boolean {
  if (mayComeBy(machine, source, card)) return false
  return isLocal(machine, destination) || (machine.forwards && routeTo(machine, destination)?.kind === 'unicast')
}

export function bridgeOf({ devices, routes }: Machine): MachineDevice | undefined {
  const bridges = devices.filter(({ isBridge }) => isBridge)
  // Others may be there for an address alone: a node's own name server has one.
  return (
    bridges.find(({ name }) => devices.some(({ bridge }) => bridge === name)) ??
    bridges.find(({ name }) => routes.some(({ device }) => device === name)) ??
    bridges[0]
  )
}

/** The address that the machine puts on what leaves by a route. */
export function sourceFor(machine: Machine, route: MachineRoute): Address | undefined {
  if (route.source !== undefined) return route.source
  const on = machine.addresses.filter(({ device }) => device === route.device).map(({ address }) => address)
  return on.find((address) => !address.includes(':')) ?? on[0]
}
