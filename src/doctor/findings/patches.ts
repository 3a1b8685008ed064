import type { Service } from '../../api/objects/service.ts'
import type { Patch } from '../types.ts'

/** Another targetPort. By the port's place, which is checked: a number may be there twice, for TCP and UDP. */
export function targetPortPatch(
  { metadata: { namespace, name }, spec }: Service,
  at: number,
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
      { op: 'add', path: `${path}/targetPort`, value },
    ],
  }
}
