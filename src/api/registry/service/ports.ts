import { type Fault, fault } from '../../errors.ts'
import type { ServicePort, ServiceSpec } from '../../objects/service.ts'
import { inRange, oneOf, port, portNumberOrName, unique } from '../checks.ts'
import { dnsLabel, qualifiedName } from '../names.ts'
import { isHeadless, takesNodePorts } from './reach.ts'

export function validatePorts(spec: ServiceSpec): Fault[] {
  const ports = spec.ports ?? []
  const at = (index: number): string => `spec.ports[${index}]`
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') return [fault.required('spec.ports')]
  return [
    ...ports.flatMap((one, index) => validatePort(at(index), one, ports.length > 1, spec)),
    ...unique(
      (index) => `${at(index)}.name`,
      ports,
      (one) => one.name,
    ),
    // One number may be of two protocols (DNS), also as a node port.
    ...twice(ports, (one) => one.port).map((index) => {
      const { protocol, port } = ports[index] as ServicePort
      return fault.duplicate(at(index), { protocol, port })
    }),
    ...twice(ports, (one) => one.nodePort).map((index) =>
      fault.duplicate(`${at(index)}.nodePort`, ports[index]?.nodePort),
    ),
  ]
}

function validatePort(path: string, one: ServicePort, nameNeeded: boolean, spec: ServiceSpec): Fault[] {
  const faults = port(`${path}.port`, one.port)
  if (one.name !== undefined) faults.push(...dnsLabel(`${path}.name`, one.name))
  else if (nameNeeded) faults.push(fault.required(`${path}.name`))
  faults.push(...oneOf(`${path}.protocol`, one.protocol, ['SCTP', 'TCP', 'UDP']))
  // Left out, it is the port, and one fault is enough.
  if (one.targetPort !== undefined && one.targetPort !== one.port)
    faults.push(...portNumberOrName(`${path}.targetPort`, one.targetPort))
  if (one.appProtocol) faults.push(...qualifiedName(`${path}.appProtocol`, one.appProtocol))
  if (one.nodePort === undefined) return faults
  if (!takesNodePorts(spec))
    faults.push(fault.forbidden(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type}'`))
  else if (!inRange(one.nodePort, 1, 65535)) faults.push(...port(`${path}.nodePort`, one.nodePort))
  return faults
}

/** Where a number stands that an earlier port of the same protocol has. */
function twice(ports: readonly ServicePort[], number: (one: ServicePort) => number | undefined): number[] {
  const seen = new Set<string>()
  return ports.flatMap((one, index) => {
    if (number(one) === undefined) return []
    const key = `${one.protocol} ${number(one)}`
    if (seen.has(key)) return [index]
    seen.add(key)
    return []
  })
}
