import type { Pod } from '../../api/objects/pod.ts'
import { parseAddress } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import type { AttachRequest, HostPort } from '../../cni/network.ts'
import { quantity } from '../../base/quantity.ts'

/** What a pod wants of its place in the network. Throws BadBandwidth for an annotation that is no rate. */
export function cableWishes(pod: Pod): Pick<AttachRequest, 'hostPorts' | 'bandwidth'> {
  return { hostPorts: hostPortsOf(pod), bandwidth: { ...rateOf(pod, 'ingress'), ...rateOf(pod, 'egress') } }
}

/** Ports of the node that lead to the pod's. */
function hostPortsOf({ spec: { initContainers = [], containers } }: Pod): HostPort[] {
  return [...initContainers, ...containers].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => {
      if (!hostPort) return []
      const address = parseAddress(hostIP ?? '')
      return [{ hostPort, containerPort, protocol, ...(address !== undefined && { hostIP: address }) }]
    }),
  )
}

const [leastRate, mostRate] = [1000, 1e15]

/** kubenet's annotations: bits a second, in Kubernetes' notation for amounts, from 1k to 1P (k8s.io/kubernetes/pkg/util/bandwidth). */
function rateOf({ metadata }: Pod, direction: 'ingress' | 'egress'): AttachRequest['bandwidth'] {
  const name = `kubernetes.io/${direction}-bandwidth`
  const text = metadata.annotations?.[name]
  if (text === undefined) return {}
  const rate = rateIn(text)
  if (rate !== undefined) return { [direction]: { rate } }
  const say = `the annotation ${name} is ${JSON.stringify(text)}: write bits a second from 1k to 1P, for example "10M"`
  throw new KubehopError('pod', 'connect', 'BadBandwidth', say)
}

function rateIn(text: string): number | undefined {
  try {
    const rate = quantity(text)
    return rate >= leastRate && rate <= mostRate ? rate : undefined
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
