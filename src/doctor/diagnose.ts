import { checks } from './findings/index.ts'
import type { Check, Finding, View } from './types.ts'

/** Every finding of the checks that have what they need, most severe first, each mistake once. Pure. */
export function diagnose(view: View): Finding[] {
  const found = checks.filter((check) => canRun(check, view)).flatMap((check) => check.find(view))
  const wanted = found.filter(({ object }) => view.namespace === undefined || concerns(object, view.namespace))
  return withoutEchoes(once(wanted)).sort(bySeverity)
}

export function canRun({ needs }: Check, { machines, request }: View): boolean {
  return needs === 'objects' || (needs === 'machines' ? machines.length > 0 : request !== undefined)
}

/** What has no namespace concerns every one. */
function concerns(object: Finding['object'], namespace: string): boolean {
  return object.namespace === undefined || object.namespace === namespace
}

function once(findings: readonly Finding[]): Finding[] {
  const known = new Map<string, Finding>()
  for (const one of findings) {
    const key = `${one.code} ${keyOf(one.object)} ${one.field ?? ''} ${one.say}`
    if (!known.has(key)) known.set(key, one)
  }
  return [...known.values()]
}

/** Of one object, what another finding explains is not said again. */
function withoutEchoes(findings: readonly Finding[]): Finding[] {
  const byObject = Map.groupBy(findings, ({ object }) => keyOf(object))
  const echoed = (one: Finding): boolean =>
    (byObject.get(keyOf(one.object)) ?? []).some((other) => other !== one && explains[other.code]?.includes(one.code))
  return findings.filter((one) => !echoed(one))
}

/** A cause, and what else it looks like on the same object. */
const explains: Record<string, readonly string[]> = {
  SelectorMatchesNothing: ['NoReadyPod', 'PortNotInSlice', 'NoPodOnNode', 'NobodyListens'],
  ScaledToZero: ['NoReadyPod', 'PortNotInSlice', 'NoPodOnNode'],
  NoSelector: ['NoReadyPod', 'PortNotInSlice', 'NoPodOnNode'],
  NoReadyPod: ['PortNotInSlice', 'NoPodOnNode', 'NobodyListens'],
  LoopbackOnly: ['NobodyListens'],
}

const levels = { error: 0, warning: 1, info: 2 }

function bySeverity(one: Finding, other: Finding): number {
  return levels[one.level] - levels[other.level] || one.number - other.number
}

function keyOf({ kind, namespace = '', name }: Finding['object']): string {
  return `${kind} ${namespace}/${name}`
}
