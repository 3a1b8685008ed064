import type { PodSpec } from '../api/objects/pod.ts'

/** What a pod asks for and does not get. Better a word now than a search later. */
export function unsupported(spec: PodSpec): string[] {
  const list: string[] = []
  if (spec.shareProcessNamespace === true) list.push('shareProcessNamespace')
  if (spec.hostPID === true) list.push('hostPID')
  if (spec.hostIPC === true) list.push('hostIPC')
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  for (const { name, resources, tty, stdin } of containers) {
    if (Object.keys(resources?.['limits'] ?? {}).length > 0) list.push(`resources.limits of container ${name}`)
    if (tty === true) list.push(`tty of container ${name}`)
    if (stdin === true) list.push(`stdin of container ${name}`)
  }
  return list
}
