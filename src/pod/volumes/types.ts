import type { Volume, VolumeProjection } from '../../api/objects/pod.ts'

/** The types of volumes that there are here; a pod with another waits with FailedMount. */
export const volumeTypes: readonly string[] = [
  'emptyDir',
  'hostPath',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
] satisfies (keyof Volume)[]

/** What a projected volume can be made of. */
export const projections: readonly string[] = [
  'configMap',
  'secret',
  'downwardAPI',
  'serviceAccountToken',
] satisfies (keyof VolumeProjection)[]
