// Makes src/api/schema/protobuf.json from Kubernetes' own types, whose tags say each field's number on the wire.
// Run when Kubernetes has new fields: go mod download -json k8s.io/api k8s.io/apimachinery, and then
//   node scripts/generate-protobuf.ts FOLDER-OF-API FOLDER-OF-APIMACHINERY
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bodies that clients written in Go send in protobuf, and everything inside them. */
const roots = [
  'ConfigMap',
  'DeleteOptions',
  'Deployment',
  'Namespace',
  'Pod',
  'Secret',
  'SelfSubjectAccessReview',
  'SelfSubjectReview',
  'Service',
  'ServiceAccount',
  'TokenRequest',
]
const plain: Readonly<Record<string, string>> = {
  Time: 't',
  Quantity: 'q',
  IntOrString: 'x',
  FieldsV1: '*',
  ResourceList: '{}q',
  ExtraValue: '[]s',
  '[]byte': 'B',
}

const [api = '', machinery = ''] = process.argv.slice(2)
const structs = new Map<string, string>()
for (const file of [
  join(machinery, 'pkg/apis/meta/v1/types.go'),
  ...['core', 'apps', 'authentication', 'authorization'].map((group) => join(api, group, 'v1/types.go')),
])
  for (const [, name = '', body = ''] of readFileSync(file, 'utf8').matchAll(/^type (\w+) struct \{\n(.*?)^\}/gms))
    structs.set(name, body)

const made: Record<string, string> = {}
const waiting = [...roots]
for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
  if (made[name] !== undefined) continue
  made[name] = [...(structs.get(name) ?? '').matchAll(/^\t(?:(\w+)\s+)?(\S+)\s+`(.*)`/gm)].flatMap(fieldOf).join(';')
}

function fieldOf([, , type = '', tags = '']: RegExpMatchArray): string[] {
  const json = /json:"([^",]*)/.exec(tags)?.[1]
  const number = /protobuf:"\w+,(\d+)/.exec(tags)?.[1] ?? ''
  // The kind and its version travel outside the message.
  if (json === undefined || number === '') return []
  // A pointer tells zero from nothing; an embedded type has no name of its own in JSON.
  const mark = json === '' ? '+' : type.startsWith('*') ? '*' : ''
  return [`${number} ${json}${mark} ${codeOf(type)}`]
}

function codeOf(type: string): string {
  const bare = type.replace(/^\*/, '').replaceAll(/\b[a-z]\w*\.(?=[A-Z])/g, '')
  const known = plain[bare]
  if (known !== undefined) return known
  if (bare.startsWith('[]')) return `[]${codeOf(bare.slice(2))}`
  const map = /^map\[\w+\](.*)$/.exec(bare)
  if (map) return `{}${codeOf(map[1] ?? '')}`
  if (bare === 'bool') return 'b'
  if (/^int(32|64)?$/.test(bare)) return 'i'
  // Every other type with a name of its own is a string.
  if (!structs.has(bare)) return 's'
  waiting.push(bare)
  return bare
}

const sorted = Object.fromEntries(Object.entries(made).sort(([a], [b]) => (a < b ? -1 : 1)))
const file = join(import.meta.dirname, '../src/api/schema/protobuf.json')
writeFileSync(file, `${JSON.stringify(sorted, null, 1)}\n`)
