import { availableParallelism, totalmem } from 'node:os'
import type { Container, Pod } from '../../api/objects/pod.ts'
import { millis, quantity } from '../../base/quantity.ts'

export interface ResourceField {
  containerName?: string
  /** `limits.cpu`, `requests.memory`, ... */
  resource: string
  divisor?: string
}

type Amounts = Partial<Record<string, string | number>>

/**
 * A container's limit or request as a whole number of divisors, rounded up (k8s.io/kubernetes/pkg/api/v1/resource). A limit that is not set is what
 * the node has, a request that is not set is 0. undefined: there is no such container or resource.
 */
export function resourceValue(pod: Pod, own: Container | undefined, field: ResourceField): string | undefined {
  const { initContainers = [], containers } = pod.spec
  const { containerName, resource, divisor } = field
  const container = containerName ? [...containers, ...initContainers].find((one) => one.name === containerName) : own
  const [, kind, name = ''] = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-\w+)$/.exec(resource) ?? []
  if (!container || kind === undefined) return undefined
  const given = (container.resources?.[kind] ?? {}) as Amounts
  const amount = String(given[name] ?? (kind === 'limits' ? (room()[name] ?? '0') : '0'))
  const by = divisor === undefined || divisor === '' || divisor === '0' ? '1' : divisor
  const read = name === 'cpu' ? millis : quantity
  return String(Math.ceil(read(amount) / read(by)))
}

/** As the node says that it has. */
const room = (): Amounts => ({ cpu: String(availableParallelism()), memory: `${Math.floor(totalmem() / 1024)}Ki` })
