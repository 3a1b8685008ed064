import { nearest } from '../../base/nearest.ts'
import { KubehopError } from '../../base/errors.ts'

/** One of the cluster's objects. Without a namespace it is looked for in the one that the caller is in. */
export interface ObjectName {
  readonly kind: ObjectKind
  /** Nodes are in none. */
  readonly namespace?: string
  readonly name: string
}

/** All kinds by their own name. */
export type ObjectKind = 'pod' | 'service' | 'node' | OwnerKind
/** What makes pods. */
export type OwnerKind = 'deployment' | 'replicaset' | 'statefulset' | 'daemonset' | 'job'

/** As kubectl takes them: the plural, the singular, the short name. The first is how errors write it. */
const words: Readonly<Record<ObjectKind, readonly string[]>> = {
  pod: ['pod', 'pods', 'po'],
  service: ['svc', 'service', 'services'],
  node: ['node', 'nodes', 'no'],
  deployment: ['deploy', 'deployment', 'deployments'],
  replicaset: ['rs', 'replicaset', 'replicasets'],
  statefulset: ['sts', 'statefulset', 'statefulsets'],
  daemonset: ['ds', 'daemonset', 'daemonsets'],
  job: ['job', 'jobs'],
}
const kinds = new Map(Object.entries(words).flatMap(([kind, all]) => all.map((word) => [word, kind as ObjectKind])))

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
/** Names of pods are DNS subdomains: labels and dots. */
const subdomain = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/** `svc`, `deploy`: how a kind is written before a name. */
export function shortKind(kind: ObjectKind): string {
  return words[kind][0] ?? kind
}

/** The word for a kind that was probably meant. */
export function kindsLike(word: string): string[] {
  return nearest(word, kinds.keys())
}

/** The kind that a word stands for. */
export function kindOf(word: string): ObjectKind | undefined {
  return kinds.get(word)
}

/** Whether a word is one of a kind: `svc`, `pods`. */
export function isKind(word: string): boolean {
  return kinds.has(word)
}

export function isOwner(kind: ObjectKind): kind is OwnerKind {
  return kind !== 'pod' && kind !== 'service' && kind !== 'node'
}

/**
 * `KIND/NAME`, `NAMESPACE/KIND/NAME`, and, where `bare` says of what kind it is then, `NAME` and `NAMESPACE/NAME`.
 * undefined for anything else.
 * @throws KubehopError `Usage` for three words of which the one in the middle is no kind, and for a node in a namespace.
 */
export function parseObject(text: string, bare: ObjectKind | undefined): ObjectName | undefined {
  const parts = text.split('/')
  const name = parts.pop() ?? ''
  if (!subdomain.test(name)) return undefined
  const [first, word] = parts
  if (first === undefined) return bare && { kind: bare, name }
  if (word === undefined) {
    const kind = kinds.get(first)
    if (kind) return { kind, name }
    return bare && label.test(first) ? { kind: bare, namespace: first, name } : undefined
  }
  if (parts.length > 2 || !label.test(first)) return undefined
  const kind = kinds.get(word)
  if (kind === undefined) {
    if (!/^[a-z]+$/.test(word)) return undefined
    const like = kindsLike(word)
    const hint = like.length > 0 ? `did you mean ${like.join(' or ')}?` : `write ${Object.keys(words).join(', ')}`
    throw usage(`"${text}": no objects here are of kind "${word}"; ${hint}`)
  }
  if (kind === 'node') throw usage(`"${text}": nodes are in no namespace; write node/${name}`)
  return { kind, namespace: first, name }
}

export function usage(say: string): KubehopError {
  return new KubehopError('trace', 'read the request', 'Usage', say)
}
