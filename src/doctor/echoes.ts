import type { Finding, ObjectReference } from './types.ts'

/** A cause, and what else it looks like on the objects that it is about. */
const explains: Readonly<Record<string, readonly string[]>> = {
  SelectorMatchesNothing: ['PortNotInSlice', 'NoPodOnNode', 'NobodyListens'],
  ScaledToZero: ['PortNotInSlice', 'NoPodOnNode'],
  NoSelector: ['PortNotInSlice', 'NoPodOnNode'],
  NoReadyPod: ['PodNotReady', 'PortNotInSlice', 'NoPodOnNode', 'NobodyListens'],
  LoopbackOnly: ['NobodyListens', 'NoReadyPod', 'PodNotReady'],
  PortTaken: ['NoReadyPod', 'PodNotReady', 'NobodyListens'],
  HeadlessPort: ['NobodyListens', 'PortOfPod'],
  PortOfService: ['NobodyListens'],
  PortOfPod: ['NobodyListens'],
  ExternalNameNowhere: ['ExternalNameWithoutAddress'],
  ExternalNameLoop: ['ExternalNameWithoutAddress'],
  ExternalNameShort: ['ExternalNameWithoutAddress'],
  ExternalNameIsAddress: ['ExternalNameWithoutAddress'],
  PolicySelectsNothing: ['PolicyNotEnforced'],
  MtuDiffers: ['MtuTooBig'],
  UdpBlackHole: ['NoSuchPod'],
}

/** Without what another finding about the same object explains: one mistake is told once. */
export function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const explained = new Set<string>()
  for (const { code, object, also = [] } of findings)
    for (const echo of explains[code] ?? []) for (const one of [object, ...also]) explained.add(`${echo} ${keyOf(one)}`)
  if (explained.size === 0) return [...findings]
  return findings.filter(({ code, object, also = [] }) => {
    const isExplained = (one: ObjectReference): boolean => explained.has(`${code} ${keyOf(one)}`)
    if (isExplained(object)) return false
    // Of several pods in trouble each has to be explained: one whose port is taken says nothing about the others.
    const pods = also.filter(({ kind }) => kind === 'Pod')
    return pods.length > 0 ? !pods.every(isExplained) : !also.some(isExplained)
  })
}

export function keyOf({ kind, namespace = '', name }: ObjectReference): string {
  return `${kind} ${namespace}/${name}`
}
