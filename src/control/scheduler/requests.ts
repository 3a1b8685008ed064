import type { Container, Pod, PodSpec } from '../../api/objects/pod.ts'
import { millis, quantity } from '../../base/quantity.ts'

/** Thousandths of a CPU, and bytes. */
export interface Amounts {
  cpu: number
  memory: number
}

type Resource = keyof Amounts

/** What a pod asks a node for, as kube-scheduler counts it (k8s.io/component-helpers/resource, PodRequests). */
export function requestsOf(pod: Pod): Readonly<Amounts> {
  const known = counted.get(pod)
  if (known) return known
  const requests = { cpu: sum(pod.spec, 'cpu'), memory: sum(pod.spec, 'memory') }
  counted.set(pod, requests)
  return requests
}

/** Every step asks for every pod again, and an object of the API does not change: its successor is another. */
const counted = new WeakMap<Pod, Readonly<Amounts>>()

/** What a node has for pods; without end where it does not say. */
export function roomOf(allocatable: Record<string, string> | undefined): Amounts {
  return {
    cpu: read('cpu', allocatable?.['cpu']) ?? Number.POSITIVE_INFINITY,
    memory: read('memory', allocatable?.['memory']) ?? Number.POSITIVE_INFINITY,
  }
}

/** Init containers run one after another, before all others; sidecars stay from their turn on. */
function sum({ initContainers = [], containers, resources }: PodSpec, name: Resource): number {
  let [sidecars, most] = [0, 0]
  for (const one of initContainers) {
    const asked = requested(one, name) ?? 0
    if (one.restartPolicy === 'Always') sidecars += asked
    most = Math.max(most, one.restartPolicy === 'Always' ? sidecars : sidecars + asked)
  }
  const together = containers.reduce((total, one) => total + (requested(one, name) ?? 0), sidecars)
  const total = Math.max(together, most)
  // The pod's own word counts before its containers' (KEP-2837); its limit, where nobody says anything else.
  return amountIn(resources, 'requests', name) ?? (total > 0 ? total : (amountIn(resources, 'limits', name) ?? 0))
}

/** Who names only a limit asks for as much. */
function requested({ resources }: Container, name: Resource): number | undefined {
  return amountIn(resources, 'requests', name) ?? amountIn(resources, 'limits', name)
}

function amountIn(resources: Container['resources'], kind: 'requests' | 'limits', name: Resource): number | undefined {
  const amounts = resources?.[kind] as Partial<Record<string, string>> | undefined
  return read(name, amounts?.[name])
}

/** The API lets no other in; one that came there by an older one must not keep the others waiting. */
function read(name: Resource, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  try {
    return name === 'cpu' ? millis(text) : quantity(text)
  } catch {
    return undefined
  }
}
