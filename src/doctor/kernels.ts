import type { MachineFacts } from './facts.ts'
import type { ObjectReference, View } from './types.ts'

/** What decides on one machine whether packets pass: as its agent told the doctor, or a request's watchers before it was sent. */
export interface Kernel {
  readonly node: string
  readonly kind: 'node' | 'router'
  /** net.ipv4.ip_forward. */
  readonly forwards: boolean
  /** net.bridge.bridge-nf-call-iptables; undefined where the kernel has no such setting (no br_netfilter). */
  readonly filtersBridged: boolean | undefined
  /** Ports of bridges that lead to pods. */
  readonly cables: readonly Cable[]
}

export interface Cable {
  /** `veth3` */
  readonly device: string
  readonly bridge: string
  readonly hairpin: boolean
  /** The pod at the other end, as `namespace/name`. */
  readonly pod: string | undefined
}

/** One for each machine that is known; an agent's word goes before what a request met, because it is newer. */
export function kernelsOf(view: View): Kernel[] {
  const told = view.machines.map(fromFacts)
  const known = new Set(told.map(({ node }) => node))
  return [...told, ...fromRequest(view).filter(({ node }) => !known.has(node))]
}

export function machineObject({ node, kind }: Pick<Kernel, 'node' | 'kind'>): ObjectReference {
  return { kind: kind === 'router' ? 'Router' : 'Node', name: node }
}

function fromFacts({ node, kind, sysctls, links }: MachineFacts): Kernel {
  const bridged = sysctls['net.bridge.bridge-nf-call-iptables']
  return {
    node,
    kind,
    forwards: sysctls['net.ipv4.ip_forward'] !== '0',
    filtersBridged: bridged === undefined ? undefined : bridged === '1',
    cables: links.flatMap(({ name, bridge, hairpin, pod }) =>
      bridge === undefined || hairpin === undefined ? [] : [{ device: name, bridge, hairpin, pod }],
    ),
  }
}

function fromRequest({ request }: View): Kernel[] {
  const states = (request?.observations ?? []).flatMap((one) => (one.kind === 'state' ? [one.state] : []))
  const pods = states.filter(({ place }) => place.kind === 'pod')
  return states.flatMap(({ place, devices, forwards, filtersBridged }): Kernel[] => {
    if (place.kind !== 'node' && place.kind !== 'router') return []
    // A cable's two ends tell of each other by their numbers.
    const podOn = (device: { index?: number; peer?: number }): string | undefined =>
      pods.find(
        (pod) =>
          pod.place.node === place.node &&
          pod.devices.some(({ index, peer }) => index === device.peer && peer === device.index),
      )?.place.name
    return [
      {
        node: place.name,
        kind: place.kind,
        forwards,
        filtersBridged,
        cables: devices.flatMap((device) =>
          device.bridge === undefined || device.hairpin === undefined
            ? []
            : [
                {
                  device: device.name,
                  bridge: device.bridge,
                  hairpin: device.hairpin,
                  pod: device.pod ?? podOn(device),
                },
              ],
        ),
      },
    ]
  })
}
