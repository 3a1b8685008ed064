import { type AnyObject, clone, isRecord } from './json.ts'
import type { KubeObject } from './objects/meta.ts'
import { checkAlone } from './registry/registry.ts'
import { allResources, apiVersionOf, type Resource, resourceOf, servedKinds } from './resources.ts'
import { decode } from './schema/decode.ts'
import { didYouMean, nearest } from '../base/nearest.ts'
import { parseYaml } from './yaml.ts'

export interface Manifest {
  /** As written, but for nulls; defaults are the server's. */
  readonly object: KubeObject
  readonly file: string
  readonly line: number
  /** Where a field of it stands: `spec.ports[0].port`. */
  readonly lineOf: (field: string) => number
}

/**
 * The objects of a file of YAML or JSON documents, and everything that is wrong with them, each as `file:line: object:
 * field: what`. With any error nothing of the file should be applied.
 */
export function parseManifests(text: string, file: string): { objects: Manifest[]; errors: string[] } {
  const objects: Manifest[] = []
  const errors: string[] = []
  const seen = new Map<string, number>()
  for (const parsed of parseYaml(text)) {
    for (const { line, say } of parsed.errors) errors.push(`${file}:${line}: this is no YAML: ${say}`)
    if (parsed.errors.length > 0 || parsed.value === null || parsed.value === undefined) continue
    for (const { value, path } of expand(parsed.value, [])) {
      const line = parsed.lineOf(path)
      const wrong = (at: Path, say: string): void =>
        void errors.push(`${file}:${parsed.lineOf([...path, ...at])}: ${say}`)
      const object = check(value, wrong)
      if (object === undefined) continue
      const name = nameOf(object)
      const before = seen.get(name)
      if (before !== undefined)
        errors.push(`${file}:${line}: ${name}: stands here a second time, first at line ${before}`)
      seen.set(name, line)
      objects.push({ object, file, line, lineOf: (field) => parsed.lineOf([...path, ...stepsOf(field)]) })
    }
  }
  return { objects, errors }
}

type Path = readonly (string | number)[]

/** Lists of any kind, in each other too, become their items. */
function expand(value: unknown, path: Path, depth = 0): { value: unknown; path: Path }[] {
  if (!isRecord(value) || !Array.isArray(value['items']) || !String(value['kind']).endsWith('List') || depth > 4)
    return [{ value, path }]
  return value['items'].flatMap((item, at) => expand(item, [...path, 'items', at], depth + 1))
}

/** The object when it is whole; otherwise every fault has been told. */
function check(value: unknown, wrong: (path: Path, say: string) => void): KubeObject | undefined {
  if (!isRecord(value)) {
    wrong([], 'a manifest is an object with apiVersion, kind and metadata')
    return undefined
  }
  const resource = served(value, wrong)
  if (resource === undefined) return undefined
  const object = clone(value)
  const { unknown, wrong: misfits } = decode(object, resource.kind)
  const { metadata = {} } = object as { metadata?: Partial<AnyObject['metadata']> }
  const name = nameOf({ ...object, metadata } as unknown as AnyObject)
  for (const { path, key, known } of unknown) {
    const [near] = nearest(key, known.keys())
    wrong(stepsOf(path), `${name}: ${path}: unknown field${near === undefined ? '' : `; did you mean "${near}"?`}`)
  }
  for (const { path, say } of misfits) wrong(stepsOf(path), `${name}: ${path}: ${say}`)
  // A value of the wrong type would only be said to be wrong twice.
  if (misfits.length > 0) return undefined
  if (!resource.namespaced && metadata.namespace)
    wrong(['metadata', 'namespace'], `${name}: metadata.namespace: a ${resource.kind} has no namespace`)
  const faults = checkAlone(resource, { ...clone(object), metadata: clone(metadata) } as unknown as AnyObject)
  for (const fault of faults) {
    const path = asWritten(fault.path, object)
    wrong(stepsOf(path), `${name}: ${path}: ${fault.say}`)
  }
  return unknown.length + faults.length > 0 ? undefined : (object as unknown as KubeObject)
}

/** Defaults copy the one address into the list of them; the person wrote the one. */
function asWritten(path: string, { spec }: Record<string, unknown>): string {
  const lists = isRecord(spec) && spec['clusterIPs'] !== undefined
  return path === 'spec.clusterIPs[0]' && !lists ? 'spec.clusterIP' : path
}

function served(value: Record<string, unknown>, wrong: (path: Path, say: string) => void): Resource | undefined {
  const { apiVersion, kind } = value
  for (const field of ['apiVersion', 'kind'] as const) {
    if (typeof value[field] === 'string' && value[field] !== '') continue
    wrong(
      [field],
      `${field} is missing: a manifest says which kind of object it is, for example "apiVersion: v1" and "kind: Pod"`,
    )
    return undefined
  }
  const resource = resourceOf(apiVersion as string, kind as string)
  if (resource !== undefined) return resource
  const sameKind = allResources.find((one) => one.kind === kind)
  const like = didYouMean(
    kind as string,
    allResources.map((one) => one.kind),
  )
  const hint = sameKind
    ? `${sameKind.kind} is served as ${apiVersionOf(sameKind)}`
    : `${like === '' ? '' : `${like} `}Served are ${servedKinds()}`
  wrong(['kind'], `kind ${String(kind)} of apiVersion ${String(apiVersion)} is not served here: ${hint}`)
  return undefined
}

/** `Deployment default/web` */
export function nameOf({ kind, metadata }: KubeObject): string {
  const name = metadata?.name ?? (metadata?.generateName ? `${metadata.generateName}*` : '(no name)')
  const namespaced = allResources.find((one) => one.kind === kind)?.namespaced ?? true
  return `${kind} ${namespaced ? `${metadata?.namespace ?? 'default'}/` : ''}${name}`
}

/** `spec.ports[0].port` as steps. Keys with dots (labels) stop the walk early, and the line of what is around them is told. */
function stepsOf(path: string): Path {
  return (path.match(/[^.[\]]+|\[\d+\]/g) ?? []).map((step) =>
    step.startsWith('[') ? Number(step.slice(1, -1)) : step,
  )
}
