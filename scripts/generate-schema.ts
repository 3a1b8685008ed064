// Makes src/api/schema/table.json from the types that @kubernetes/client-node was generated with.
// Run when Kubernetes has new fields: npm install --no-save @kubernetes/client-node && node scripts/generate-schema.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { mergeKeys } from './schema-merge-keys.ts'

interface Attribute {
  baseName: string
  type: string
  format: string
}
type Model = { attributeTypeMap?: Attribute[] }

/** Kinds the API serves, and bodies that its subresources take. */
const roots = [
  'V1ConfigMap',
  'V1Deployment',
  'V1EndpointSlice',
  'CoreV1Event',
  'V1Lease',
  'V1Namespace',
  'V1NetworkPolicy',
  'V1Node',
  'V1Pod',
  'V1ReplicaSet',
  'V1Secret',
  'V1Service',
  'V1ServiceAccount',
  'V1Binding',
  'V1DeleteOptions',
  'V1Scale',
]

/** client-node says `string` for quantities; these are the fields that hold them, alone or as the values of a map. */
const quantities = new Set([
  'ResourceRequirements.limits',
  'ResourceRequirements.requests',
  'VolumeResourceRequirements.limits',
  'VolumeResourceRequirements.requests',
  'NodeStatus.capacity',
  'NodeStatus.allocatable',
  'ContainerStatus.allocatedResources',
  'PodStatus.allocatedResources',
  'EmptyDirVolumeSource.sizeLimit',
  'ResourceFieldSelector.divisor',
  'PodSpec.overhead',
])

// By a name in a variable: the package need not be there for anything else, the type checker included.
const source: string = '@kubernetes/client-node'
const models = (await import(source)) as Record<string, Model>
const folder = join(dirname(createRequire(import.meta.url).resolve(`${source}/package.json`)), 'dist/gen/models')
const types: Record<string, string> = {}
const modelOf = new Map<string, string>()
const waiting = [...roots]
const unused = new Set(Object.keys(mergeKeys))

for (let model = waiting.pop(); model !== undefined; model = waiting.pop()) {
  const name = shortName(model)
  const before = modelOf.get(name)
  if (before === model) continue
  // Two groups may have a type of one name (core's and discovery's EndpointPort); only one of them can be in the table.
  if (before !== undefined) throw new Error(`${before} and ${model} would both be ${name}`)
  modelOf.set(name, model)
  const attributes = models[model]?.attributeTypeMap
  if (attributes === undefined) throw new Error(`client-node has no ${model}`)
  const required = requiredOf(model)
  types[name] = attributes
    .toSorted((a, b) => (a.baseName < b.baseName ? -1 : 1))
    .map((attribute) => {
      const key = `${name}.${attribute.baseName}`
      const merge = mergeKeys[key]
      unused.delete(key)
      return [
        attribute.baseName + (required.has(attribute.baseName) ? '!' : ''),
        code(attribute, key),
        ...(merge === undefined ? [] : [`~${merge}`]),
      ].join(' ')
    })
    .join(';')
}
if (unused.size > 0) throw new Error(`merge keys of fields that do not exist: ${[...unused].join(', ')}`)

write('table.json', types)

/** One letter per plain type, `[]` and `{}` in front for lists and maps, else the name of another type. */
function code({ type, format }: Attribute, key: string): string {
  const list = /^Array<(.*)>$/.exec(type)?.[1]
  if (list !== undefined) return `[]${code({ baseName: '', type: list, format }, key)}`
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1]
  if (map !== undefined) return `{}${code({ baseName: '', type: map, format }, key)}`
  if (quantities.has(key)) return 'q'
  switch (type) {
    case 'string':
      return format === 'byte' ? 'B' : 's'
    case 'boolean':
      return 'b'
    case 'number':
      return format === 'double' ? 'n' : format === 'int64' ? 'l' : 'i'
    case 'IntOrString':
      return 'x'
    case 'Date':
    case 'V1MicroTime':
      return 't'
    case 'any':
      return '*'
    default:
      waiting.push(type)
      return shortName(type)
  }
}

function shortName(model: string): string {
  return model.replace(/^(Core|Discovery|Apps)?V1(?=[A-Z])/, '')
}

/** A field without a question mark in the declaration must be there. */
function requiredOf(model: string): Set<string> {
  const text = readFileSync(join(folder, `${model}.d.ts`), 'utf8')
  return new Set([...text.matchAll(/'([^']+)'(\?)?:/g)].flatMap(([, name = '', optional]) => (optional ? [] : [name])))
}

function write(file: string, content: Record<string, string>): void {
  const sorted = Object.fromEntries(Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(join(import.meta.dirname, '../src/api/schema', file), `${JSON.stringify(sorted, null, 1)}\n`)
}
