import type { Container, PodSpec } from '../api/objects/pod.ts'

/** Any object of a manifest: also fields that this program has no type for, because it does nothing with them. */
type Given = Readonly<Record<string, unknown>>

/** Fields of Kubernetes' schema that are read by nobody here, although a pod would notice. */
const ofPod = `
  hostnameOverride affinity topologySpreadConstraints
  runtimeClassName resourceClaims resources
`
  .trim()
  .split(/\s+/)
const ofSecurity = ['appArmorProfile', 'procMount', 'seLinuxOptions', 'seccompProfile', 'sysctls']
const ofContainer = ['volumeDevices']
const ofMount = ['mountPropagation']

/**
 * What a pod asks for and does not get, as paths in its spec. Better a word now than a search later. `limited`: emptyDirs on this node can be kept to
 * their size.
 */
export function unsupported(spec: PodSpec, limited: boolean): string[] {
  const { initContainers = [], containers, volumes = [] } = spec
  return [
    ...given(spec, ofPod),
    ...((spec as Given & PodSpec)['hostUsers'] === false ? ['hostUsers'] : []),
    ...given(spec.securityContext, ofSecurity).map((field) => `securityContext.${field}`),
    ...[...initContainers, ...containers].flatMap((one) =>
      inContainer(one).map((field) => `${field} of container ${one.name}`),
    ),
    ...volumes.flatMap(({ name, emptyDir }) =>
      emptyDir?.sizeLimit !== undefined && emptyDir.medium !== 'Memory' && !limited
        ? [`emptyDir.sizeLimit of volume ${name}`]
        : [],
    ),
  ]
}

function inContainer(one: Container): string[] {
  const { resources, securityContext, volumeMounts = [] } = one
  return [
    ...given(resources, ['limits', 'claims']).map((field) => `resources.${field}`),
    ...given(one, ofContainer),
    ...given(securityContext, ofSecurity).map((field) => `securityContext.${field}`),
    ...volumeMounts.flatMap((mount) => given(mount, ofMount).map((field) => `volumeMounts.${field}`)),
  ]
}

/** Those of the fields that ask for something. */
function given(of: object | undefined, fields: readonly string[]): string[] {
  return fields.filter((field) => asks((of as Given | undefined)?.[field]))
}

/** What is empty, off, or says that there is nothing to do asks for nothing. */
function asks(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false
  if (typeof value === 'string') return !['', 'None', 'Default', 'Disabled'].includes(value)
  if (typeof value !== 'object') return true
  return (value as { type?: unknown }).type !== 'Unconfined' && Object.keys(value).length > 0
}
