import { type AnyObject, isRecord } from '../json.ts'
import type { KindName } from '../objects/index.ts'

/** `spec.nodeName=node1,status.phase!=Running`. Throws a SyntaxError for a field that the kind does not select by. */
export function parseFieldSelector(text: string, kind: KindName): (object: AnyObject) => boolean {
  const requirements = split(text).map((part) => {
    const match = /^([^=!]+)(==|=|!=)(.*)$/s.exec(part)
    if (!match) throw new SyntaxError(`invalid field selector "${part}"; can't understand it: use field=value`)
    const [, field = '', operator, raw = ''] = match
    const name = field.trim()
    if (!selectable(kind, name)) throw new SyntaxError(`field label not supported: ${name}`)
    const value = raw.replace(/\\([\\,=])/g, '$1')
    return (object: AnyObject) => (fieldOf(object, name) === value) === (operator !== '!=')
  })
  return (object) => requirements.every((one) => one(object))
}

const fields: Partial<Record<KindName, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.podIPs',
    'status.nominatedNodeName',
  ],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  ReplicaSet: ['status.replicas'],
  Secret: ['type'],
  Service: ['spec.clusterIP', 'spec.type'],
}

function selectable(kind: KindName, field: string): boolean {
  return field === 'metadata.name' || field === 'metadata.namespace' || (fields[kind]?.includes(field) ?? false)
}

/** The field as text; what is missing is empty, or the zero value of its type, as upstream's conversions have it. */
function fieldOf(object: AnyObject, path: string): string {
  if (path === 'source') return textOf(at(object, 'source.component') ?? at(object, 'reportingComponent'))
  if (path === 'status.podIPs') return textOf(at(object, 'status.podIP'))
  const value = at(object, path)
  if (value === undefined && (path === 'spec.unschedulable' || path === 'spec.hostNetwork')) return 'false'
  return textOf(value)
}

function at(object: unknown, path: string): unknown {
  let value: unknown = object
  for (const step of path.split('.')) value = isRecord(value) ? value[step] : undefined
  return value
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

/** Splits at commas that are not escaped. */
function split(text: string): string[] {
  return text.match(/(?:\\.|[^,\\])+/gs) ?? []
}
