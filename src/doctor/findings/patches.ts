import type { Service } from '../../api/objects/service.ts'
import type { Patch } from '../types.ts'

/** Another targetPort. */
export function targetPortPatch(service: Service, at: number, value: number | string): Patch {
  return portPatch(service, at, 'targetPort', value)
}

export function protocolPatch(service: Service, at: number, value: 'TCP' | 'UDP'): Patch {
  return portPatch(service, at, 'protocol', value)
}

/** By the port's place, which is checked: a number may be there twice, for TCP and UDP. */
function portPatch(
  { metadata: { namespace, name }, spec }: Service,
  at: number,
  field: 'targetPort' | 'protocol',
  value: number | string,
): Patch {
  const path = `/spec/ports/${at}`
  return {
    kind: 'Service',
    ...(namespace !== undefined && { namespace }),
    name,
    type: 'json',
    body: [
      { op: 'test', path: `${path}/port`, value: spec.ports?.[at]?.port },
      { op: 'add', path: `${path}/${field}`, value },
    ],
  }
}
