import type { Container, PodSpec } from '../api/objects/pod.ts'

/** Any object of a manifest: also fields that this program has no type for, because it does nothing with them. */
type Given = Readonly<Record<string, unknown>>

/** Fields of Kubernetes' schema that are read by nobody here, although a pod would notice. */
const ofPod = `
  hostnameOverride affinity topologySpreadConstraints
  runtimeClassName resourceClaims
`
  .trim()
  .split(/\s+/)
const ofSecurity = ['appArmorProfile', 'procMount', 'seLinuxOptions', 'seccompProfile', 'sysctls']
const ofContainer = ['volumeDevices']
const ofMount = ['mountPropagation']

/** What this node can do. */
export interface Abilities {
  /** emptyDirs can be kept to their size. */
  emptyDirs: boolean
  /** Why a control group cannot hold containers to their limits. */
  missing: Partial<Record<'cpu' | 'memory', string>>
}

/** What a pod asks for and does not get, as paths in its spec. Better a word now than a search later. */
export function unsupported(spec: PodSpec, abilities: Abilities): string[] {
  const { initContainers = [], containers, volumes = [] } = spec
  return [
    ...given(spec, ofPod),
    ...inResources(spec.resources, abilities).map((field) => `resources.${field}`),
    ...((spec as Given & PodSpec)['hostUsers'] === false ? ['hostUsers'] : []),
    ...given(spec.securityContext, ofSecurity).map((field) => `securityContext.${field}`),
    ...[...initContainers, ...containers].flatMap((one) =>
      inContainer(one, abilities).map((field) => `${field} of container ${one.name}`),
    ),
    ...volumes.flatMap(({ name, emptyDir }) =>
      emptyDir?.sizeLimit !== undefined && emptyDir.medium !== 'Memory' && !abilities.emptyDirs
        ? [`emptyDir.sizeLimit of volume ${name}`]
        : [],
    ),
  ]
}

function inContainer(one: Container, abilities: Abilities): string[] {
  const { resources, securityContext, volumeMounts = [] } = one
  return [
    ...inResources(resources, abilities).map((field) => `resources.${field}`),
    ...given(one, ofContainer),
    ...given(securityContext, ofSecurity).map((field) => `securityContext.${field}`),
    ...volumeMounts.flatMap((mount) => given(mount, ofMount).map((field) => `volumeMounts.${field}`)),
  ]
}

/** Requests are the scheduler's; limits are the kernel's. */
function inResources(resources: Given | undefined, { missing }: Abilities): string[] {
  const limits = Object.keys((resources?.['limits'] ?? {}) as Given).flatMap((name) => {
    const why = name === 'cpu' || name === 'memory' ? missing[name] : 'nothing counts it here'
    return why === undefined ? [] : [`limits.${name} (${why})`]
  })
  return [...limits, ...given(resources, ['claims'])]
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
