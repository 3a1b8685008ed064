import type { Container, PodSpec, Volume, VolumeMount } from '../api/objects/pod.ts'
import { signalNumber } from './container/stop-signal.ts'
import type { Home } from './home.ts'
import { sysctlsOf } from './sandbox/sysctls.ts'
import { projections, volumeTypes } from './volumes/types.ts'

/** Any object of a manifest: also fields that this program has no type for, because it does nothing with them. */
type Given = Readonly<Record<string, unknown>>

/** Fields of Kubernetes' schema that are read by nobody here, although a pod would notice. */
const ofPod = `
  hostnameOverride affinity topologySpreadConstraints
  runtimeClassName resourceClaims overhead schedulingGroup
`
  .trim()
  .split(/\s+/)
const ofSecurity = `
  appArmorProfile procMount seLinuxChangePolicy seLinuxOptions seccompProfile windowsOptions
`
  .trim()
  .split(/\s+/)
const ofContainer = ['volumeDevices']
const ofMount = ['mountPropagation']
/** Those that every cluster has; there are no objects for others here. */
const priorities = ['', 'system-node-critical', 'system-cluster-critical']

/** What this node can do. */
export interface Abilities {
  /** emptyDirs can be kept to their size. */
  emptyDirs: boolean
  /** Why a control group cannot hold containers to their limits. */
  missing: Partial<Record<'cpu' | 'memory', string>>
}

/** What a pod asks for and does not get, as paths in its spec. Better a word now than a search later. */
export function unsupported(spec: PodSpec, abilities: Abilities): string[] {
  const { initContainers = [], containers, ephemeralContainers = [], volumes = [] } = spec
  return [
    ...given(spec, ofPod),
    ...inSpec(spec as Given & PodSpec),
    ...inResources(spec.resources, abilities).map((field) => `resources.${field}`),
    ...given(spec.securityContext, ofSecurity).map((field) => `securityContext.${field}`),
    ...sysctlsOf(spec).leftOut.map((one) => `securityContext.sysctls ${one}`),
    ...[...initContainers, ...containers, ...ephemeralContainers].flatMap((one) =>
      inContainer(one, abilities).map((field) => `${field} of container ${one.name}`),
    ),
    ...volumes.flatMap((one) => inVolume(one, abilities)),
  ]
}

/** An event that names them, where there are any. */
export function tellUnsupported({ event }: Pick<Home, 'event'>, fields: readonly string[]): void {
  if (fields.length > 0) event(undefined, 'Warning', 'Unsupported', leftOutMessage(fields))
}

export function leftOutMessage(fields: readonly string[]): string {
  return `not supported here and left out: ${fields.join(', ')}. That has no effect: remove it from the manifest, unless another cluster needs it there`
}

/** Fields that ask for something with one value, and for nothing with another. */
function inSpec({ hostUsers, os, priorityClassName = '' }: Given & PodSpec): string[] {
  return [
    ...(hostUsers === false ? ['hostUsers'] : []),
    ...((os as Given | undefined)?.['name'] === 'windows' ? ['os.name windows'] : []),
    ...(priorities.includes(String(priorityClassName)) ? [] : [`priorityClassName ${String(priorityClassName)}`]),
  ]
}

function inVolume(volume: Volume, abilities: Abilities): string[] {
  const { medium = '', sizeLimit } = volume.emptyDir ?? {}
  const sources = (volume.projected?.sources ?? []).flatMap((source) => others(source, projections))
  const of = `of volume ${volume.name}`
  return [
    ...(['', 'Memory'].includes(medium) ? [] : [`emptyDir.medium ${medium} ${of}`]),
    ...(sizeLimit !== undefined && medium !== 'Memory' && !abilities.emptyDirs ? [`emptyDir.sizeLimit ${of}`] : []),
    ...sources.map((type) => `projected.${type} ${of}`),
    ...others(volume, ['name', ...volumeTypes]).map((type) => `${type} ${of} (no container can start)`),
  ]
}

const others = (of: object, known: readonly string[]): string[] => Object.keys(of).filter((key) => !known.includes(key))

function inContainer(one: Container, abilities: Abilities): string[] {
  const { resources, securityContext, volumeMounts = [], lifecycle } = one
  const { stopSignal = '' } = lifecycle ?? {}
  return [
    ...inResources(resources, abilities).map((field) => `resources.${field}`),
    ...given(one, ofContainer),
    ...given(securityContext, ofSecurity).map((field) => `securityContext.${field}`),
    ...(stopSignal === '' || signalNumber(stopSignal) !== undefined
      ? []
      : [`lifecycle.stopSignal ${stopSignal} (no signal has this name: SIGTERM it is)`]),
    ...volumeMounts.flatMap((mount) => inMount(mount).map((field) => `volumeMounts.${field}`)),
  ]
}

/** What is read-only is so with all that is mounted in it, whether that is asked for or not. */
function inMount(mount: VolumeMount): string[] {
  const deep = mount.readOnly === true ? [] : given(mount, ['recursiveReadOnly'])
  return [...given(mount, ofMount), ...deep.map((field) => `${field} (it needs readOnly: true)`)]
}

/** Requests are the scheduler's; limits are the kernel's. */
function inResources(resources: Given | undefined, { missing }: Abilities): string[] {
  const uncounted = 'nothing counts it here'
  const limited = Object.keys(resources?.['limits'] ?? {})
  const limits = limited.flatMap((name) => {
    const why = isCounted(name) ? missing[name] : uncounted
    return why === undefined ? [] : [`limits.${name} (${why})`]
  })
  const requests = Object.keys(resources?.['requests'] ?? {})
    .filter((name) => !isCounted(name) && !limited.includes(name))
    .map((name) => `requests.${name} (${uncounted})`)
  return [...limits, ...requests, ...given(resources, ['claims'])]
}

const isCounted = (name: string): name is 'cpu' | 'memory' => name === 'cpu' || name === 'memory'

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
