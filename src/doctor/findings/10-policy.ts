import type { NetworkPolicy } from '../../api/objects/networkpolicy.ts'
import { formatSelector, selectorMatches } from '../../api/select/labels.ts'
import { isAlive } from '../../trace/cluster/cluster.ts'
import { directoryOf, spaceOf } from '../directory.ts'
import type { Check, Finding, View } from '../types.ts'
import { ageOf, listed, nameOf, plural, referTo } from './finding.ts'
import { meantBy } from './near-labels.ts'

/** Why policies stop nobody, for what would need them to. */
export const notEnforced = 'this version keeps network policies and does not enforce them'

/** A policy that stops nobody: it selects no pod, or nobody enforces it. */
export const check: Check = {
  number: 10,
  title: 'everything passes: a network policy without effect',
  codes: ['PolicyNotEnforced', 'PolicySelectsNothing'],
  needs: 'objects',
  find: (view) => (view.policies ?? []).flatMap((policy) => judge(view, policy)),
}

/** Policies are often made before their pods. */
const patienceSeconds = 10

function judge(view: View, policy: NetworkPolicy): Finding[] {
  if (policy.metadata.deletionTimestamp !== undefined) return []
  const selector = policy.spec.podSelector ?? {}
  const pods = directoryOf(view.cluster)
    .pods(spaceOf(policy))
    .filter((pod) => isAlive(pod) && selectorMatches(selector, pod.metadata.labels))
  const text = formatSelector(selector)
  const common = { number: 10, level: 'warning', object: referTo(policy) } as const
  const evidence = {
    kind: 'object',
    text: `${nameOf(policy)}: podSelector ${text === '' ? '{}' : text}; selects ${plural(pods.length, 'pod')}`,
  } as const
  if (pods.length === 0) return text === '' || isAwaited(view, policy) ? [] : [nothing(view, policy, text, evidence)]
  if (view.enforced !== false) return []
  const limits = limitsOf(policy)
  // What lets everything pass is obeyed by everybody.
  if (limits.length === 0) return []
  const directions = limits.map((type) => (type === 'Ingress' ? 'what comes in' : 'what goes out')).join(' and ')
  return [
    {
      ...common,
      code: 'PolicyNotEnforced',
      also: pods.slice(0, 20).map(referTo),
      sure: 'certain',
      evidence: [evidence, { kind: 'object', text: 'nobody in this cluster enforces network policies' }],
      say: `${nameOf(policy)} shall limit ${directions} for ${listed(pods.map(({ metadata }) => metadata.name))}, and nothing in this cluster enforces it: everything passes`,
      fix: `rely on it only where a network enforces policies; to be rid of it here: kubectl -n ${spaceOf(policy)} delete networkpolicy ${policy.metadata.name}`,
    },
  ]
}

/** Directions in which it lets less than everything pass: a rule that names no peer and no port lets all pass, whatever others say. */
function limitsOf({ spec: { policyTypes, ingress = [], egress } }: NetworkPolicy): ('Ingress' | 'Egress')[] {
  const types = policyTypes ?? (egress === undefined ? (['Ingress'] as const) : (['Ingress', 'Egress'] as const))
  const anybody = {
    Ingress: ingress.some(({ from = [], ports = [] }) => from.length === 0 && ports.length === 0),
    Egress: (egress ?? []).some(({ to = [], ports = [] }) => to.length === 0 && ports.length === 0),
  }
  return types.filter((type) => !anybody[type])
}

function nothing(view: View, policy: NetworkPolicy, text: string, evidence: Finding['evidence'][number]): Finding {
  const { matchLabels = {}, matchExpressions = [] } = policy.spec.podSelector ?? {}
  const meant = meantBy(directoryOf(view.cluster), spaceOf(policy), matchLabels)
  const field = 'spec.podSelector'
  return {
    number: 10,
    level: 'warning',
    code: 'PolicySelectsNothing',
    object: referTo(policy),
    field: meant.key === undefined ? field : `${field}.matchLabels.${meant.key}`,
    sure: 'certain',
    early: !meant.near && ageOf(policy, view.now) < patienceSeconds,
    evidence: [evidence],
    say: `${nameOf(policy)} is for pods with ${text}, and no pod in namespace ${spaceOf(policy)} has that: it protects nobody`,
    fix: meant.say,
    ...(meant.change &&
      matchExpressions.length === 0 && {
        patch: { ...referTo(policy), type: 'merge', body: { spec: { podSelector: { matchLabels: meant.change } } } },
      }),
  }
}

/** A workload that is scaled to 0 will make such pods one day. */
function isAwaited({ cluster, workloads = [] }: View, policy: NetworkPolicy): boolean {
  return [...cluster.deployments, ...cluster.replicaSets, ...workloads].some(
    ({ metadata, spec }) =>
      metadata.namespace === policy.metadata.namespace &&
      selectorMatches(policy.spec.podSelector, spec.template.metadata?.labels),
  )
}
