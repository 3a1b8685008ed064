import type { Address } from '../../base/address.ts'
import { cidr } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Origin } from '../origin.ts'
import type { Machine, MachineState } from './machine.ts'
import { othersOnWire, podsByNode, promisedNode, promisedOther, promisedPod, promisedRouter } from './promised.ts'
import type { Ranges } from './ranges.ts'
import { readTable } from './tables.ts'
import type { Topology } from './topology.ts'

/** All machines of the cluster: what their kernels said, and, where nobody asked them, what the objects promise. */
export function topologyOf(
  cluster: Cluster,
  ranges: Ranges,
  states: readonly MachineState[],
  source?: Origin,
): Topology {
  const outside = source?.kind === 'outside' ? beyond(source.address) : undefined
  const here = podsByNode(cluster)
  const promised = [
    promisedRouter(cluster, ranges, outside ? [outside.route] : []),
    ...cluster.nodes.map((node) => promisedNode(cluster, ranges, node, here.get(node.metadata.name) ?? [])),
    ...podsOf(cluster),
    ...othersOnWire(cluster, ranges).map((address) => promisedOther(cluster, ranges, address)),
    outside?.machine,
  ].flatMap((machine) => machine ?? [])
  const read = new Map(states.map((state) => [keyOf(state), machineOf(state, states)]))
  const machines = promised.map((machine) => read.get(keyOf(machine)) ?? machine)
  // A watcher may stand where no object speaks of a machine.
  const known = new Set(machines.map(keyOf))
  const more = [...read].flatMap(([key, machine]) => (known.has(key) ? [] : [machine]))
  return { machines: [...machines, ...more] }
}

/** A cluster of thousands is not built anew for each request: as long as the lists are the same, so are the machines. */
function podsOf(cluster: Cluster): readonly (Machine | undefined)[] {
  const known = built.get(cluster.pods)
  if (known?.nodes === cluster.nodes && known.machines.length === cluster.pods.length) return known.machines
  const machines = cluster.pods.map((pod) => promisedPod(cluster, pod))
  built.set(cluster.pods, { nodes: cluster.nodes, machines })
  return machines
}

const built = new WeakMap<Cluster['pods'], { nodes: Cluster['nodes']; machines: readonly (Machine | undefined)[] }>()

function keyOf({ place }: Pick<Machine, 'place'>): string {
  return `${place.kind} ${place.name}`
}

/** A node's ports are told apart by which pod has the cable's other end. */
function machineOf({ tables, ...state }: MachineState, states: readonly MachineState[]): Machine {
  const { kind, node } = state.place
  const pods = kind === 'node' ? states.filter(({ place }) => place.kind === 'pod' && place.node === node) : []
  const podAt = new Map(
    pods.flatMap(({ place, devices }) =>
      devices.flatMap(({ peer }) => (peer === undefined ? [] : [[peer, place.name] as const])),
    ),
  )
  return {
    ...state,
    devices: state.devices.map((device) => {
      const pod = device.index === undefined ? undefined : podAt.get(device.index)
      return pod === undefined ? device : { ...device, pod }
    }),
    tables: tables.map(readTable),
    known: 'kernel',
  }
}

/** Of the machine beyond the router (src/lab/outside.ts). */
export const outsideAddress: Address = cidr('198.51.100.2/32').address

/** The machine beyond the router, on a wire of its own with it. */
function beyond(address: Address): { machine: Machine; route: Machine['routes'][number] } {
  const to = cidr('198.51.100.0/24')
  const via = cidr('198.51.100.1/32').address
  return {
    route: { to, kind: 'unicast', device: 'eth1', source: via },
    machine: {
      place: { kind: 'outside', node: 'outside', name: 'outside' },
      devices: [
        { name: 'lo', up: true },
        { name: 'eth0', up: true },
      ],
      addresses: [{ address, device: 'eth0' }],
      routes: [
        { to, kind: 'unicast', device: 'eth0' },
        { to: cidr('0.0.0.0/0'), kind: 'unicast', via, device: 'eth0' },
      ],
      forwards: false,
      filtersBridged: false,
      serves: false,
      tables: [],
      known: 'objects',
    },
  }
}
