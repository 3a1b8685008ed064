import { type Fault, fault } from '../../errors.ts'
import type { ServicePort, ServiceSpec } from '../../objects/service.ts'
import type { ServiceAllocator } from '../strategy.ts'
import { getsNodePorts, takesHealthCheckPort, takesNodePorts } from './reach.ts'

/** One number belongs to one service, whatever its protocol; within the service, ports of two protocols may share it. */
export function allocatePorts(spec: ServiceSpec, owner: string, allocator: ServiceAllocator): Fault[] {
  if (!takesNodePorts(spec)) return []
  const ports = spec.ports ?? []
  const taken = new Set<number>()
  if (takesHealthCheckPort(spec) && spec.healthCheckNodePort !== undefined) taken.add(spec.healthCheckNodePort)
  const faults = ports.flatMap(({ nodePort }, at): Fault[] => {
    if (nodePort === undefined) return []
    const refusal = taken.has(nodePort) ? isTaken : allocator.refusePort(nodePort, owner)
    return refusal === undefined ? [] : [fault.invalid(`spec.ports[${at}].nodePort`, nodePort, refusal)]
  })
  for (const { nodePort } of ports) if (nodePort !== undefined) taken.add(nodePort)
  if (getsNodePorts(spec))
    for (const one of ports) {
      const nodePort = one.nodePort ?? shared(one, ports) ?? allocator.freePort(taken)
      if (nodePort === undefined)
        return [...faults, fault.invalid('spec.ports', null, `failed to allocate a nodePort: ${full}`)]
      one.nodePort = nodePort
      taken.add(nodePort)
    }
  return [...faults, ...healthCheckPort(spec, owner, allocator, taken)]
}

const isTaken = 'provided port is already allocated'
const full = 'range is full'

/** One port over several protocols (DNS) gets one node port. */
function shared({ port, protocol }: ServicePort, ports: readonly ServicePort[]): number | undefined {
  const twin = ports.find((other) => other.port === port && other.nodePort !== undefined)
  const clash = ports.some((other) => other.nodePort === twin?.nodePort && other.protocol === protocol)
  return clash ? undefined : twin?.nodePort
}

function healthCheckPort(
  spec: ServiceSpec,
  owner: string,
  allocator: ServiceAllocator,
  taken: ReadonlySet<number>,
): Fault[] {
  if (!takesHealthCheckPort(spec)) return []
  const path = 'spec.healthCheckNodePort'
  const asked = spec.healthCheckNodePort
  if (asked !== undefined) {
    const refusal = allocator.refusePort(asked, owner)
    return refusal === undefined
      ? []
      : [fault.invalid(path, asked, `failed to allocate requested HealthCheck NodePort ${asked}: ${refusal}`)]
  }
  const free = allocator.freePort(taken)
  if (free === undefined) return [fault.invalid(path, null, `failed to allocate a HealthCheck NodePort: ${full}`)]
  spec.healthCheckNodePort = free
  return []
}
