import { type Fault, fault } from '../errors.ts'
import { equal } from '../json.ts'
import type { LabelSelector } from '../objects/meta.ts'
import type { Deployment, PodTemplate, ReplicaSet } from '../objects/workload.ts'
import { selectorMatches } from '../select/labels.ts'
import { countOrPercent, immutable, notNegative, oneOf, workloadSelector } from './checks.ts'
import { annotations, labels } from './names.ts'
import { validatePodSpec } from './podspec.ts'
import { podSpecDefaults } from './podspec-defaults.ts'
import type { Strategy } from './strategy.ts'

export const deploymentStrategy: Strategy<Deployment> = {
  names: 'subdomain',
  generation: true,
  prepareCreate(deployment) {
    deployment.status = {}
  },
  defaults({ spec }) {
    if (spec === undefined) return
    spec.replicas ??= 1
    spec.strategy ??= {}
    spec.strategy.type ??= 'RollingUpdate'
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {}
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
      spec.strategy.rollingUpdate.maxSurge ??= '25%'
    }
    spec.revisionHistoryLimit ??= 10
    spec.progressDeadlineSeconds ??= 600
    if (spec.template?.spec !== undefined) podSpecDefaults(spec.template.spec)
  },
  validate({ spec }) {
    if (spec === undefined) return [fault.required('spec')]
    const faults = [
      ...notNegative('spec.replicas', spec.replicas),
      ...workloadSelector('spec.selector', spec.selector),
      ...notNegative('spec.minReadySeconds', spec.minReadySeconds),
      ...notNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
      ...validateTemplate(spec.selector, spec.template),
      ...oneOf('spec.strategy.type', spec.strategy?.type, ['Recreate', 'RollingUpdate']),
    ]
    const rolling = spec.strategy?.rollingUpdate
    if (spec.strategy?.type === 'Recreate' && rolling !== undefined)
      faults.push(
        fault.forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
      )
    else if (rolling !== undefined) {
      if (rolling.maxSurge !== undefined)
        faults.push(...countOrPercent('spec.strategy.rollingUpdate.maxSurge', rolling.maxSurge))
      if (rolling.maxUnavailable !== undefined)
        faults.push(...countOrPercent('spec.strategy.rollingUpdate.maxUnavailable', rolling.maxUnavailable))
      if (Number.parseInt(String(rolling.maxSurge)) === 0 && Number.parseInt(String(rolling.maxUnavailable)) === 0)
        faults.push(
          fault.invalid(
            'spec.strategy.rollingUpdate.maxUnavailable',
            rolling.maxUnavailable,
            'may not be 0 when `maxSurge` is 0',
          ),
        )
    }
    if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0))
      faults.push(
        fault.invalid(
          'spec.progressDeadlineSeconds',
          spec.progressDeadlineSeconds,
          'must be greater than minReadySeconds',
        ),
      )
    return faults
  },
  validateUpdate: sameSelector,
}

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  names: 'subdomain',
  generation: true,
  prepareCreate(set) {
    set.status = { replicas: 0 }
  },
  defaults({ spec }) {
    if (spec === undefined) return
    spec.replicas ??= 1
    if (spec.template?.spec !== undefined) podSpecDefaults(spec.template.spec)
  },
  validate: ({ spec }) =>
    spec === undefined
      ? [fault.required('spec')]
      : [
          ...notNegative('spec.replicas', spec.replicas),
          ...workloadSelector('spec.selector', spec.selector),
          ...notNegative('spec.minReadySeconds', spec.minReadySeconds),
          ...validateTemplate(spec.selector, spec.template),
        ],
  validateUpdate: sameSelector,
}

function sameSelector(now: Deployment | ReplicaSet, old: Deployment | ReplicaSet): Fault[] {
  return immutable('spec.selector', now.spec.selector, equal(now.spec.selector, old.spec.selector))
}

function validateTemplate(selector: LabelSelector | undefined, template: PodTemplate | undefined): Fault[] {
  if (template === undefined) return [fault.required('spec.template')]
  const faults = [
    ...labels('spec.template.labels', template.metadata?.labels),
    ...annotations('spec.template.annotations', template.metadata?.annotations),
    ...validatePodSpec('spec.template.spec', template.spec),
  ]
  if (selector !== undefined && !selectorMatches(selector, template.metadata?.labels))
    faults.push(
      fault.invalid(
        'spec.template.metadata.labels',
        template.metadata?.labels,
        '`selector` does not match template `labels`',
      ),
    )
  // A workload replaces pods that end, so they may not choose to stay down.
  if (template.spec?.restartPolicy !== undefined && template.spec.restartPolicy !== 'Always')
    faults.push(fault.unsupported('spec.template.spec.restartPolicy', template.spec.restartPolicy, ['Always']))
  if (template.spec?.activeDeadlineSeconds !== undefined)
    faults.push(
      fault.forbidden(
        'spec.template.spec.activeDeadlineSeconds',
        'activeDeadlineSeconds in ReplicaSet is not Supported',
      ),
    )
  return faults
}
