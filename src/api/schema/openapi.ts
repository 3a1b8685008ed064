import { createHash } from 'node:crypto'
import { allResources, pathOf, type Resource } from '../resources.ts'
import { says } from './says.ts'
import { type Field, fieldsOf, isOwn, type Plain, type Type, typeNames } from './types.ts'

/** `/openapi/v3`: where each group's document is. The hash changes when a document may have, so that clients may keep them. */
export function openapiIndex(): object {
  const paths = groupPaths().map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash()}` }])
  return { paths: Object.fromEntries(paths) }
}

/** The document of `api/v1` or `apis/apps/v1`, as JSON text; undefined for a group that is not served. */
export function openapiDocument(path: string): string | undefined {
  if (!groupPaths().includes(path)) return undefined
  let text = documents.get(path)
  if (text === undefined) {
    text = JSON.stringify(document(path))
    documents.set(path, text)
  }
  return text
}

const documents = new Map<string, string>()
let hashed: string | undefined

function hash(): string {
  hashed ??= createHash('sha256')
    .update(JSON.stringify([allResources, typeNames().map((name) => [name, ...fieldsOf(name)])]))
    .digest('hex')
    .slice(0, 32)
    .toUpperCase()
  return hashed
}

function groupPaths(): string[] {
  return [...new Set(allResources.map(groupPath))]
}

function groupPath({ group, version }: Resource): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

function document(path: string): object {
  const served = allResources.filter((one) => groupPath(one) === path)
  const schemas: Record<string, object> = { ...scalars }
  const waiting: string[] = [
    ...served.map((one) => one.kind as string),
    'DeleteOptions',
    ...(served.some((one) => one.scale) ? ['Scale'] : []),
  ]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const full = fullName(name)
    if (schemas[full] === undefined) schemas[full] = schemaOf(name, waiting)
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.35.0' },
    paths: Object.fromEntries(served.flatMap(pathsOf)),
    components: { schemas },
  }
}

const rootOf = new Map(allResources.map((one) => [one.kind as string, one]))
const metaTypes = new Set([
  'ObjectMeta',
  'OwnerReference',
  'ManagedFieldsEntry',
  'LabelSelector',
  'LabelSelectorRequirement',
  'DeleteOptions',
  'Preconditions',
  'Condition',
])

function fullName(name: string): string {
  if (metaTypes.has(name)) return `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`
  if (isOwn(name)) return `dev.kubehop.v1alpha1.${name}`
  if (name.startsWith('Scale')) return `io.k8s.api.autoscaling.v1.${name}`
  const group = rootOf.get(name)?.group.split('.')[0] || 'core'
  return `io.k8s.api.${group}.v1.${name}`
}

const names = {
  x: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  q: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  t: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
} as const

const scalars: Record<string, object> = {
  [names.x]: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  [names.q]: { description: 'A fixed-point number: 500m, 2, 64Mi.', oneOf: [{ type: 'string' }, { type: 'number' }] },
  [names.t]: { description: 'A time as in RFC 3339.', type: 'string', format: 'date-time' },
}

function schemaOf(name: string, waiting: string[]): object {
  const fields = [...fieldsOf(name).values()]
  const required = fields.filter((field) => field.required).map((field) => field.name)
  const root = rootOf.get(name)
  return {
    description: says[name] ?? '',
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields.map((field) => [field.name, property(name, field, waiting)])),
    ...(root && { 'x-kubernetes-group-version-kind': [kindOf(root)] }),
  }
}

function property(owner: string, field: Field, waiting: string[]): object {
  const { key, retainKeys } = field.merge ?? {}
  const strategies = [
    ...(field.type.is === 'list' && field.merge ? ['merge'] : []),
    ...(retainKeys ? ['retainKeys'] : []),
  ]
  return {
    description: says[`${owner}.${field.name}`] ?? '',
    ...typeSchema(field.type, waiting),
    ...(key !== undefined && {
      'x-kubernetes-patch-merge-key': key,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': key === 'port' || key === 'containerPort' ? [key, 'protocol'] : [key],
    }),
    ...(strategies.length > 0 && { 'x-kubernetes-patch-strategy': strategies.join(',') }),
  }
}

function typeSchema(type: Type, waiting: string[]): object {
  if (type.is === 'plain') return plain[type.code]
  if (type.is === 'list') return { type: 'array', items: typeSchema(type.of, waiting) }
  if (type.is === 'map') return { type: 'object', additionalProperties: typeSchema(type.of, waiting) }
  waiting.push(type.name)
  return reference(fullName(type.name))
}

const plain: Readonly<Record<Plain, object>> = {
  s: { type: 'string' },
  B: { type: 'string', format: 'byte' },
  b: { type: 'boolean' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  n: { type: 'number', format: 'double' },
  x: reference(names.x),
  q: reference(names.q),
  t: reference(names.t),
  '*': { type: 'object' },
}

/** Beside a bare `$ref` nothing else counts; inside `allOf` the description does. */
function reference(name: string): object {
  return { allOf: [{ $ref: `#/components/schemas/${name}` }] }
}

function kindOf({ group, version, kind }: Resource): object {
  return { group, version, kind }
}

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

function pathsOf(resource: Resource): [string, object][] {
  const within = resource.namespaced ? '{namespace}' : undefined
  const open = (path: string): string => path.replaceAll('%7B', '{').replaceAll('%7D', '}')
  const collection = open(pathOf(resource, within))
  const object = open(pathOf(resource, within, '{name}'))
  const subresources = resource.status ? ['status'] : []
  return [
    [collection, item(resource, { get: 'list', post: 'post', delete: 'deletecollection' }, false)],
    [object, item(resource, { get: 'get', put: 'put', patch: 'patch', delete: 'delete' }, true)],
    ...subresources.map((name): [string, object] => [
      `${object}/${name}`,
      item(resource, { get: 'get', put: 'put', patch: 'patch' }, true),
    ]),
    ...(resource.namespaced ? [[pathOf(resource), item(resource, { get: 'list' }, false)] as [string, object]] : []),
  ]
}

function item(resource: Resource, actions: Record<string, string>, named: boolean): object {
  const inPath = [...(resource.namespaced ? ['namespace'] : []), ...(named ? ['name'] : [])]
  return {
    ...Object.fromEntries(
      Object.entries(actions).map(([method, action]) => [method, operation(resource, method, action)]),
    ),
    parameters: inPath.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
  }
}

const writes = new Set(['post', 'put', 'patch'])

function operation(resource: Resource, method: string, action: string): object {
  const schema = reference(fullName(resource.kind))
  const parameter = (name: string): object => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })
  const bodies = method === 'patch' ? patchTypes : ['application/json', 'application/yaml']
  return {
    operationId: `${action}${resource.group.split('.')[0] || 'core'}${resource.kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kindOf(resource),
    ...(writes.has(method) && {
      parameters: ['dryRun', 'fieldManager', 'fieldValidation', ...(method === 'patch' ? ['force'] : [])].map(
        parameter,
      ),
      requestBody: {
        content: Object.fromEntries(
          bodies.map((type) => [type, { schema: method === 'patch' ? { type: 'object' } : schema }]),
        ),
      },
    }),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
  }
}
