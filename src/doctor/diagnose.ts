import type { Namespace } from '../api/objects/simple.ts'
import { checks } from './findings/index.ts'
import { withoutEchoes } from './echoes.ts'
import { isAbout } from './touched.ts'
import type { Check, Finding, ObjectReference, View } from './types.ts'

/** Every finding of the checks that have what they need, most severe first, each mistake once. Pure. */
export function diagnose(view: View): Finding[] {
  return examine(view).filter(({ early }) => !early)
}

/** {@link diagnose}, with what may still pass by itself. */
export function examine(view: View, among: readonly Check[] = checks): Finding[] {
  const found = among.filter((check) => canRun(check, view)).flatMap((check) => check.find(view))
  const leaving = terminating(view.namespaces ?? [])
  const { namespace } = view
  // A request that was asked about is wanted wherever it led.
  const asked = isAbout(view.request)
  const here = ({ object, also = [] }: Finding): boolean => [object, ...also].some((one) => concerns(one, namespace))
  const wanted = found.filter(
    (one) => !leaving.has(one.object.namespace) && (namespace === undefined || here(one) || asked(one)),
  )
  return withoutEchoes(once(wanted)).sort(bySeverity)
}

/** A request that was sent brings what the kernels on its way said. */
export function canRun({ needs, notYet }: Check, { machines, request }: View): boolean {
  if (notYet !== undefined) return false
  return needs === 'objects' || request !== undefined || (needs === 'machines' && machines.length > 0)
}

/** What is being cleared out is broken on purpose. */
function terminating(namespaces: readonly Namespace[]): ReadonlySet<string | undefined> {
  const leaving = namespaces.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
  return new Set(leaving.map(({ metadata }) => metadata.name))
}

/** What has no namespace concerns every one. */
function concerns(object: ObjectReference, namespace: string | undefined): boolean {
  return object.namespace === undefined || object.namespace === namespace
}

function once(findings: readonly Finding[]): Finding[] {
  const known = new Map<string, Finding>()
  for (const one of findings) {
    const { kind, namespace = '', name } = one.object
    const key = `${one.code} ${kind} ${namespace}/${name} ${one.field ?? ''} ${one.say}`
    if (!known.has(key)) known.set(key, one)
  }
  return [...known.values()]
}

const levels = { error: 0, warning: 1, info: 2 }

function bySeverity(one: Finding, other: Finding): number {
  return levels[one.level] - levels[other.level] || one.number - other.number
}
