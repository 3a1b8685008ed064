import type { Pod } from '../../api/objects/pod.ts'
import type { Address } from '../../base/address.ts'
import { type Cluster, isAlive, nodeAt, ownerOf, podAddress } from './cluster.ts'

/** The pod to which a port of a node leads (`hostPort` of a container), and the port there. */
export interface HostPortOf {
  readonly pod: Pod
  readonly containerPort: number
}

/**
 * undefined when the address is no node's, or no pod on it publishes the port. A service's node port goes before
 * (src/cni/host-ports-table.ts). `here`: the node whose 127.0.0.1 is meant, for who asks for that.
 */
export function hostPortAt(
  cluster: Cluster,
  to: Address,
  port: number,
  protocol: string,
  here?: string,
): HostPortOf | undefined {
  const owner = ownerOf(cluster, to)
  // It is a node's own address also where services have it as an external IP.
  const on = owner.kind === 'node' ? owner.node : nodeAt(cluster, to)
  const node = on?.metadata.name ?? (to.startsWith('127.') ? here : undefined)
  if (node === undefined) return undefined
  for (const pod of cluster.pods) {
    const { spec } = pod
    if (spec.nodeName !== node || spec.hostNetwork || !isAlive(pod) || podAddress(pod) === undefined) continue
    for (const { ports = [] } of [...spec.containers, ...(spec.initContainers ?? [])])
      for (const one of ports) {
        if (one.hostPort !== port || (one.protocol ?? 'TCP').toLowerCase() !== protocol) continue
        if (isAny(one.hostIP) || one.hostIP === to) return { pod, containerPort: one.containerPort }
      }
  }
  return undefined
}

function isAny(hostIP: string | undefined): boolean {
  return hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0'
}
