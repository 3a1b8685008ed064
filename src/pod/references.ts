import type { ObjectReference } from '../api/objects/meta.ts'
import type { Container, Pod } from '../api/objects/pod.ts'
import { idOf } from './paths.ts'

/** What an event is about: a pod, or one container of it, as kubelet names it (`spec.containers{web}`). */
export function referenceTo(pod: Pod, container: Container | undefined): ObjectReference {
  const about: ObjectReference = { apiVersion: 'v1', kind: 'Pod', ...idOf(pod) }
  return container ? { ...about, fieldPath: `spec.${fieldOf(pod, container)}{${container.name}}` } : about
}

function fieldOf({ spec: { initContainers, ephemeralContainers } }: Pod, { name }: Container): string {
  if (initContainers?.some((one) => one.name === name)) return 'initContainers'
  return ephemeralContainers?.some((one) => one.name === name) ? 'ephemeralContainers' : 'containers'
}
