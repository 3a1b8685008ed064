import { type Fault, fault } from '../errors.ts'
import { clone, equal } from '../json.ts'
import type { EphemeralContainer, Pod, PodSpec } from '../objects/pod.ts'
import { validateContainer } from './container.ts'
import type { PartStrategy } from './strategy.ts'

/** What makes no sense for a container that nothing waits for and that is never restarted (k8s.io/kubernetes/pkg/apis/core/validation). */
const never = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
]

/** pods/ephemeralcontainers: containers come to a pod that there is; none goes, and none changes. */
export const ephemeralContainers: PartStrategy<Pod> = {
  take(next, sent) {
    const { ephemeralContainers: wanted } = sent.spec ?? {}
    if (wanted === undefined) delete next.spec.ephemeralContainers
    else next.spec.ephemeralContainers = clone(wanted)
  },
  validate(next, old) {
    const path = 'spec.ephemeralContainers'
    const wanted = next.spec.ephemeralContainers ?? []
    return (old.spec.ephemeralContainers ?? []).flatMap((was) => {
      const is = wanted.find(({ name }) => name === was.name)
      if (!is)
        return [fault.forbidden(path, `existing ephemeral containers ${JSON.stringify(was.name)} may not be removed`)]
      return equal(is, was)
        ? []
        : [fault.forbidden(path, `existing ephemeral containers ${JSON.stringify(was.name)} may not be changed`)]
    })
  },
}

/** A new pod has none: they are added to one that runs. */
export function noneYet({ ephemeralContainers: list }: PodSpec): Fault[] {
  return list?.length ? [fault.forbidden('spec.ephemeralContainers', 'cannot be set on create')] : []
}

/** The faults of one, but for its name's being another's too; `volumes` are those that its pod has. */
export function validateEphemeral(
  path: string,
  one: EphemeralContainer,
  volumes: ReadonlySet<string>,
  spec: PodSpec,
): Fault[] {
  const faults = validateContainer(path, one, volumes, spec, false)
  for (const field of never) {
    const value = (one as unknown as Record<string, unknown>)[field]
    const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
    if (value !== undefined && value !== '' && !empty)
      faults.push(fault.forbidden(`${path}.${field}`, 'cannot be set for an Ephemeral Container'))
  }
  for (const [at, { subPath }] of (one.volumeMounts ?? []).entries())
    if (subPath)
      faults.push(fault.forbidden(`${path}.volumeMounts[${at}].subPath`, 'cannot be set for an Ephemeral Container'))
  const { targetContainerName: target } = one
  const known = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].some(({ name }) => name === target)
  if (target && !known) faults.push(fault.notFound(`${path}.targetContainerName`, target))
  return faults
}
