import { type Fault, fault } from '../errors.ts'
import { clone, equal } from '../json.ts'
import type { Pod, PodSpec } from '../objects/pod.ts'
import { validatePodSpec } from './podspec.ts'
import { ephemeralContainers, noneYet } from './ephemeral.ts'
import { podSpecDefaults, qosClass } from './podspec-defaults.ts'
import type { Strategy } from './strategy.ts'

export const podStrategy: Strategy<Pod> = {
  names: 'subdomain',
  generation: true,
  prepareCreate(pod) {
    if (pod.spec !== undefined) admit(pod.spec)
    pod.status = { phase: 'Pending', qosClass: qosClass(pod.spec ?? { containers: [] }), ...gated(pod.spec) }
  },
  defaults(pod) {
    if (pod.spec === undefined) return
    podSpecDefaults(pod.spec)
    pod.spec.enableServiceLinks ??= true
    if (pod.spec.hostNetwork)
      for (const container of pod.spec.containers ?? [])
        for (const one of container.ports ?? []) one.hostPort ??= one.containerPort
  },
  validate: (pod) => validatePodSpec('spec', pod.spec),
  validateCreate: ({ spec }) => (spec === undefined ? [] : noneYet(spec)),
  validateUpdate,
  parts: { ephemeralcontainers: ephemeralContainers },
  /** A pod that no node has, or that is over, has nobody to wait for. */
  gracePeriod(pod, asked) {
    if (!pod.spec.nodeName || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0
    const wanted = asked ?? pod.spec.terminationGracePeriodSeconds ?? 30
    return wanted < 0 ? 1 : wanted
  },
}

/** As upstream's strategy says of a pod that nobody places before its gates are gone (KEP-3521). */
function gated(spec: PodSpec | undefined): Pod['status'] {
  if ((spec?.schedulingGates ?? []).length === 0) return {}
  const message = 'Scheduling is blocked due to non-empty scheduling gates'
  return { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }] }
}

/** What upstream's admission plugins add: ServiceAccount, Priority, DefaultTolerationSeconds. */
function admit(spec: PodSpec): void {
  spec.serviceAccountName ||= spec.serviceAccount || 'default'
  spec.serviceAccount = spec.serviceAccountName
  spec.priority ??= 0
  spec.preemptionPolicy ??= 'PreemptLowerPriority'
  const tolerations = (spec.tolerations ??= [])
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'])
    if (!tolerations.some((one) => (one.key === key || !one.key) && (!one.effect || one.effect === 'NoExecute')))
      tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })
}

/** A pod's spec is for life, but for images, a shorter deadline, more tolerations and fewer gates. Its node is set by binding. */
function validateUpdate(pod: Pod, old: Pod): Fault[] {
  const asBefore = clone(pod.spec)
  for (const field of ['containers', 'initContainers'] as const)
    for (const [at, one] of (asBefore[field] ?? []).entries()) {
      const was = old.spec[field]?.[at]
      if (was?.image !== undefined) one.image = was.image
    }
  if (old.spec.activeDeadlineSeconds === undefined) delete asBefore.activeDeadlineSeconds
  else if ((asBefore.activeDeadlineSeconds ?? Infinity) <= old.spec.activeDeadlineSeconds)
    asBefore.activeDeadlineSeconds = old.spec.activeDeadlineSeconds
  if ((old.spec.tolerations ?? []).every((was) => asBefore.tolerations?.some((one) => equal(one, was)))) {
    if (old.spec.tolerations === undefined) delete asBefore.tolerations
    else asBefore.tolerations = clone(old.spec.tolerations)
  }
  const gates = old.spec.schedulingGates ?? []
  const added = (asBefore.schedulingGates ?? []).findIndex((one) => !gates.some((was) => equal(one, was)))
  if (added >= 0)
    return [
      fault.forbidden(
        `spec.schedulingGates[${added}]`,
        `only deletion is allowed, but found new scheduling gate '${asBefore.schedulingGates?.[added]?.name ?? ''}'`,
      ),
    ]
  if (old.spec.schedulingGates === undefined) delete asBefore.schedulingGates
  else asBefore.schedulingGates = clone(old.spec.schedulingGates)
  return equal(asBefore, old.spec)
    ? []
    : [
        fault.forbidden(
          'spec',
          'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)',
        ),
      ]
}
