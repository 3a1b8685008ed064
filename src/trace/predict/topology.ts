import type { Address } from '../../base/address.ts'
import type { Place } from '../observation.ts'
import { bridgeOf, isLocal, type Machine } from './machine.ts'

/** Machines and the wires between them. */
export interface Topology {
  readonly machines: readonly Machine[]
}

/** Who takes a packet on a wire; `nobody`: it is sent, and no card there has the Ethernet address. */
export type Taker = Machine | 'nobody'

/**
 * Who answers "who has this address?" on the wire that a device is on, or has the Ethernet address that was entered for it; undefined
 * where nobody does, so that it cannot be sent.
 */
export function neighbourOf(topology: Topology, machine: Machine, device: string, address: Address): Taker | undefined {
  const wire = wireOf(machine.place, device, machine)
  if (machine.devices.find(({ name }) => name === device)?.carrier === false) return undefined
  const entered = machine.neighbours?.find((one) => one.device === device && one.address === address)?.mac
  // A bridge that is down carries nothing from port to port.
  const node = machine.place.kind === 'pod' ? nodeOf(topology, machine) : undefined
  const carries = !node || bridgeOf(node)?.up !== false
  const found = topology.machines.find(
    (other) =>
      carries &&
      other !== machine &&
      (entered !== undefined || isLocal(other, address)) &&
      other.devices.some(
        ({ name, up, carrier, mac }) =>
          up &&
          carrier !== false &&
          name !== 'lo' &&
          wireOf(other.place, name, other) === wire &&
          // Of a machine that nobody asked only the objects tell.
          (entered === undefined || (mac === undefined ? isLocal(other, address) : mac === entered)),
      ),
  )
  return found ?? (entered === undefined ? undefined : 'nobody')
}

/** By which card a machine hears another one: the router has one for the nodes and one for who is beyond it. */
export function cardTowards({ place, devices }: Machine, { place: other }: Machine): string {
  const beyond = place.kind === 'router' && other.kind === 'outside' && other.node === 'outside'
  return (beyond && devices.find(({ name }) => name !== 'lo' && name !== 'eth0')?.name) || 'eth0'
}

export function machineAt(topology: Topology, kind: Place['kind'], name: string): Machine | undefined {
  return topology.machines.find(({ place }) => place.kind === kind && place.name === name)
}

export function nodeOf(topology: Topology, { place }: Machine): Machine | undefined {
  return machineAt(topology, 'node', place.node)
}

/** Devices with the same word hear each other's questions. */
function wireOf({ kind, node }: Place, device: string, { devices, addresses }: Machine): string {
  switch (kind) {
    case 'pod':
      return `pods of ${node}`
    case 'node':
      if (devices.some(({ name, isBridge }) => name === device && isBridge)) return `pods of ${node}`
      // What has no address is a bridge's port, or a detour (src/cni/bandwidth.ts).
      return addresses.some((one) => one.device === device) ? 'nodes' : `nobody but ${node}`
    // The router has a cable for whoever is beyond it; its first one is to the nodes.
    case 'router':
      return device === 'eth0' ? 'nodes' : 'beyond'
    // Beyond the router, or a machine of the wire that nobody here can ask.
    case 'outside':
      return node === 'outside' ? 'beyond' : 'nodes'
  }
}
