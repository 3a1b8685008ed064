import type { ContainerStatus, Pod } from '../../api/objects/pod.ts'
import { type Address, parseAddress } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { didYouMean } from '../../base/nearest.ts'
import { type Cluster, isAlive, nodeAddresses, podAddress, podKey } from '../cluster/cluster.ts'
import { findNode, findPod, podOfOwner } from './find-object.ts'
import type { Origin } from '../origin.ts'
import type { SourceName } from './source.ts'

/** The machine beyond the router, where there can be one. */
export interface Outside {
  readonly address: Address
}

/**
 * Who sends. An owner of pods lends one of its ready pods; a pod on its node's network is its node.
 * @throws KubehopError `NotFound` with the nearest names; `NotRunning`; `NoOutside`.
 */
export function findOrigin(
  cluster: Cluster,
  wanted: SourceName,
  namespace: string,
  outside: Outside | undefined,
): Origin {
  switch (wanted.kind) {
    case 'outside':
      if (!outside)
        throw new KubehopError(
          'trace',
          'find the sender',
          'NoOutside',
          'there is no machine outside of this cluster to send from',
        )
      return { kind: 'outside', key: 'outside', node: 'outside', address: outside.address }
    case 'node':
      return ofNode(cluster, wanted.name)
    case 'pod':
      return ofPod(cluster, findPod(cluster, wanted, namespace, true), wanted.container)
    default:
      return ofPod(cluster, podOfOwner(cluster, { ...wanted, kind: wanted.kind }, namespace), wanted.container)
  }
}

/** The address of a pod that runs, and the node it is on. */
export function running(pod: Pod): { address: Address; node: string } {
  const address = podAddress(pod)
  const node = pod.spec.nodeName
  if (address !== undefined && node !== undefined && isAlive(pod)) return { address, node }
  const say = `pod ${podKey(pod)} does not run: ${pod.status?.phase ?? 'Pending'}${node === undefined ? ', on no node yet' : ''}`
  throw new KubehopError('trace', 'find the pod', 'NotRunning', say)
}

/** The address by which others reach a node. */
export function addressOfNode(cluster: Cluster, name: string): Address {
  const node = findNode(cluster, name)
  const internal = node.status?.addresses?.find(({ type, address }) => type === 'InternalIP' && !address.includes(':'))
  const address = (internal && parseAddress(internal.address)) ?? nodeAddresses(node).find((one) => !one.includes(':'))
  if (address !== undefined) return address
  throw new KubehopError(
    'trace',
    'find the node',
    'NoAddress',
    `node ${name} has no IPv4 address in its status: does its agent run?`,
  )
}

function ofNode(cluster: Cluster, name: string): Origin {
  return { kind: 'node', key: name, node: name, address: addressOfNode(cluster, name) }
}

function ofPod(cluster: Cluster, pod: Pod, container: string | undefined): Origin {
  const { address, node } = running(pod)
  if (container !== undefined) findContainer(pod, container)
  const more = { pod, ...(container !== undefined && { container }) }
  if (pod.spec.hostNetwork) return { ...ofNode(cluster, node), ...more }
  return { kind: 'pod', key: podKey(pod), node, address, ...more }
}

function findContainer(pod: Pod, name: string): void {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  const all = [...containers, ...initContainers, ...ephemeralContainers].map((one) => one.name)
  const states = new Map<string, ContainerStatus['state']>(
    [pod.status?.containerStatuses, pod.status?.initContainerStatuses, pod.status?.ephemeralContainerStatuses]
      .flatMap((list) => list ?? [])
      .map((one) => [one.name, one.state]),
  )
  const run = all.filter((one) => states.get(one)?.running)
  const running =
    run.length === 0
      ? 'none of its containers runs'
      : `of its containers ${run.join(', ')} ${run.length === 1 ? 'runs' : 'run'}`
  const fail = (code: string, say: string): KubehopError => new KubehopError('trace', 'find the container', code, say)
  if (!all.includes(name)) {
    const hint = didYouMean(name, all)
    throw fail('NotFound', `pod ${podKey(pod)} has no container "${name}"; ${running}${hint === '' ? '' : `; ${hint}`}`)
  }
  if (run.includes(name)) return
  const state = states.get(name)
  const now = state?.waiting?.reason ?? state?.terminated?.reason ?? 'it has not started'
  throw fail('NotRunning', `container "${name}" of pod ${podKey(pod)} does not run: ${now}; ${running}`)
}
