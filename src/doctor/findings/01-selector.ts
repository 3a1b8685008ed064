import type { Pod } from '../../api/objects/pod.ts'
import { nearest } from '../../base/nearest.ts'
import { readyEndpoints, serviceAt } from '../../trace/cluster.ts'
import { transportOf } from '../../trace/target.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'

/** A service with nobody behind it, because its selector is nobody's labels. */
export const check: Check = {
  number: 1,
  title: 'refused: the selector of the service matches no pod',
  codes: ['SelectorMatchesNothing', 'ScaledToZero', 'NoSelector'],
  needs: 'objects',
  find: ({ cluster, request }: View): Finding[] => {
    if (!request?.to || request.verdict === 'delivered') return []
    const { to, target } = request
    const at = serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
    if (!at || readyEndpoints(cluster, at.service, at.port.name).length > 0) return []
    const { service } = at
    const name = nameOf(service)
    const selector = service.spec.selector ?? {}
    const text = selectorText(selector)
    const common = {
      number: 1,
      level: 'error',
      object: referTo(service),
      sure: 'certain',
      evidence: [{ kind: 'object', text: `${name}: selector ${text === '' ? 'none' : text}` }],
    } as const
    if (text === '')
      return [
        {
          ...common,
          code: 'NoSelector',
          say: `${name} has no selector, so nobody fills in its pods`,
          fix: 'give it a selector, or make an EndpointSlice by hand',
        },
      ]
    const here = cluster.pods.filter(({ metadata }) => metadata.namespace === service.metadata.namespace)
    if (here.some((pod) => meets(pod.metadata.labels, selector))) return []
    const asleep = cluster.deployments.find(
      ({ metadata, spec: { replicas, template } }) =>
        metadata.namespace === service.metadata.namespace &&
        replicas === 0 &&
        meets(template.metadata?.labels, selector),
    )
    if (asleep)
      return [
        {
          ...common,
          code: 'ScaledToZero',
          say: `${name} has no pods: deployment ${asleep.metadata.name} is scaled to 0`,
          fix: `kubectl -n ${asleep.metadata.namespace} scale deployment ${asleep.metadata.name} --replicas=1`,
        },
      ]
    return [
      {
        ...common,
        code: 'SelectorMatchesNothing',
        field: 'spec.selector',
        say: `${name} selects ${text}, and no pod in namespace ${service.metadata.namespace} has that`,
        fix: fixSelector(selector, here),
      },
    ]
  },
}

function meets(labels: Record<string, string> | undefined, selector: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => labels?.[key] === value)
}

function fixSelector(selector: Record<string, string>, pods: readonly Pod[]): string {
  for (const [key, value] of Object.entries(selector)) {
    const values = pods.flatMap((pod) => pod.metadata.labels?.[key] ?? [])
    const like = nearest(value, values)[0]
    if (values.length > 0 && !values.includes(value) && like !== undefined)
      return `pods here have ${key}=${like}: is that meant?`
    if (values.length > 0 && !values.includes(value))
      return `pods here have ${[...new Set(values)]
        .slice(0, 5)
        .map((one) => `${key}=${one}`)
        .join(', ')}`
    const keys = pods.flatMap((pod) => Object.keys(pod.metadata.labels ?? {}))
    const likeKey = values.length === 0 ? nearest(key, keys)[0] : undefined
    if (likeKey !== undefined) return `pods here have the label "${likeKey}": is that meant instead of "${key}"?`
  }
  return pods.length === 0
    ? 'there is no pod in this namespace at all'
    : 'make the labels of the pods and the selector meet'
}

function selectorText(selector: Record<string, string>): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}
