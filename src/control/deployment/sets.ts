import { equal } from '../../api/json.ts'
import type { Deployment, PodTemplate, ReplicaSet } from '../../api/objects/workload.ts'
import { type Action, change, ownedBy, tell } from '../action.ts'
import type { View } from '../view.ts'
import { maxSurge } from './limits.ts'

const hashLabel = 'pod-template-hash'
export const revisionKey = 'deployment.kubernetes.io/revision'
const historyKey = 'deployment.kubernetes.io/revision-history'
export const desiredKey = 'deployment.kubernetes.io/desired-replicas'
export const maxKey = 'deployment.kubernetes.io/max-replicas'

/** Annotations of a deployment that are not its replica sets'. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionKey,
  historyKey,
  desiredKey,
  maxKey,
])

export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionKey] ?? 0) || 0
}

export function sameTemplate(set: ReplicaSet, { spec }: Deployment): boolean {
  const { [hashLabel]: _hash, ...labels } = set.spec.template.metadata?.labels ?? {}
  const template = { ...set.spec.template, metadata: { ...set.spec.template.metadata, labels } }
  return equal(template, {
    ...spec.template,
    metadata: { ...spec.template.metadata, labels: spec.template.metadata?.labels ?? {} },
  })
}

/** A replica set for the present template. A name that another set has already is left to it, and the collision is counted. */
export function newSet(
  deployment: Deployment,
  old: readonly ReplicaSet[],
  replicas: number,
  view: View,
): { name: string; actions: Action[] } {
  const { spec, metadata } = deployment
  const { namespace = '' } = metadata
  let collisionCount = deployment.status?.collisionCount ?? 0
  let hash = templateHash(spec.template, collisionCount)
  while (view.get('ReplicaSet', `${namespace}/${metadata.name}-${hash}`))
    hash = templateHash(spec.template, ++collisionCount)
  const name = `${metadata.name}-${hash}`
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash }
  const selector = { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } }
  const annotations = { ...inherited(deployment), ...sizesOf(deployment), [revisionKey]: String(nextRevision(old)) }
  const counted = { ...deployment, status: { ...deployment.status, collisionCount } }
  return {
    name,
    actions: [
      ...(collisionCount === (deployment.status?.collisionCount ?? 0) ? [] : change(deployment, counted, 'status')),
      {
        do: 'create',
        kind: 'ReplicaSet',
        object: {
          metadata: { name, namespace, labels, annotations, ownerReferences: [ownedBy(deployment)] },
          spec: {
            replicas,
            ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
            selector,
            template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
          },
        },
      },
      ...(replicas > 0 ? [scaled(deployment, name, 0, replicas)] : []),
    ],
  }
}

/** A set that returns to be the present one (a rollback) gets the newest revision, and follows the deployment's annotations. */
export function withRevision(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Action[] {
  const next = nextRevision(old)
  const had = revisionOf(current)
  const annotations: Record<string, string> = { ...current.metadata.annotations, ...inherited(deployment) }
  if (had < next) {
    annotations[revisionKey] = String(next)
    if (had > 0) annotations[historyKey] = [...(annotations[historyKey]?.split(',') ?? []), had].join(',')
  }
  const { minReadySeconds } = deployment.spec
  return change(current, {
    ...current,
    metadata: { ...current.metadata, annotations },
    spec: { ...current.spec, ...(minReadySeconds !== undefined && { minReadySeconds }) },
  })
}

/** The patch and the event of another size; nothing when it has that size already. */
export function resize(deployment: Deployment, set: ReplicaSet, size: number): Action[] {
  const before = set.spec.replicas ?? 1
  const annotations = { ...set.metadata.annotations, ...sizesOf(deployment) }
  // Sets at rest keep what they were told last, so that history is not rewritten with every scaling.
  if (before === 0 && size === 0) return []
  return [
    ...change(set, { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas: size } }),
    ...(before === size ? [] : [scaled(deployment, set.metadata.name, before, size)]),
  ]
}

function scaled(deployment: Deployment, name: string, from: number, to: number): Action {
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`
  return tell(deployment, 'Normal', 'ScalingReplicaSet', message)
}

function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1
}

/** What a set remembers of the deployment's size, for scaling in proportion later. */
function sizesOf(deployment: Deployment): Record<string, string> {
  const replicas = deployment.spec.replicas ?? 1
  return { [desiredKey]: String(replicas), [maxKey]: String(replicas + maxSurge(deployment)) }
}

function inherited({ metadata }: Deployment): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key)))
}

/** Upstream's alphabet (k8s.io/apimachinery util/rand): without vowels and look-alikes, so that no name is a word. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** Equal for equal templates, however their fields are ordered. */
function templateHash(template: PodTemplate, collisionCount: number): string {
  const text = canonical(template) + (collisionCount > 0 ? String(collisionCount) : '')
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return Array.from(String(hash), (digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
    .join()}}`
}
