import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { isReady, ownerOf, readyEndpoints, serviceAt } from '../cluster.ts'
import { nearest } from '../../base/nearest.ts'
import { transportOf } from '../target.ts'
import type { Why } from '../types.ts'
import type { Case } from './why.ts'

/** A service with nobody behind it: its selector matches no pod, or none of those is ready. */
export function noEndpoints({ cluster, to, verdict, target }: Case): Why[] {
  if (!to || verdict === 'delivered') return []
  const at = serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
  if (!at) return []
  const { service, port } = at
  if (readyEndpoints(cluster, service, port.name).length > 0) return []
  const name = `service ${service.metadata.namespace}/${service.metadata.name}`
  const selector = service.spec.selector ?? {}
  const text = selectorText(selector)
  if (text === '')
    return [
      {
        code: 'NoSelector',
        level: 'error',
        say: `${name} has no selector, so nobody fills in its pods`,
        fix: 'give it a selector, or make an EndpointSlice by hand',
      },
    ]
  const here = cluster.pods.filter(({ metadata }) => metadata.namespace === service.metadata.namespace)
  const matching = here.filter((pod) => meets(pod.metadata.labels, selector))
  const asleep = cluster.deployments.find(
    ({ metadata, spec: { replicas, template } }) =>
      metadata.namespace === service.metadata.namespace && replicas === 0 && meets(template.metadata?.labels, selector),
  )
  if (matching.length === 0 && asleep)
    return [
      {
        code: 'ScaledToZero',
        level: 'error',
        say: `${name} has no pods: deployment ${asleep.metadata.name} is scaled to 0`,
        fix: `kubectl -n ${asleep.metadata.namespace} scale deployment ${asleep.metadata.name} --replicas=1`,
      },
    ]
  if (matching.length === 0)
    return [
      {
        code: 'SelectorMatchesNothing',
        level: 'error',
        say: `${name} selects ${text}, and no pod in namespace ${service.metadata.namespace} has that`,
        fix: fixSelector(selector, here),
      },
    ]
  if (matching.some(isReady))
    return [
      {
        code: 'PortNotInSlice',
        level: 'error',
        say: `${name} has ready pods, but none of them has the port that targetPort ${port.targetPort ?? port.port} means`,
        fix: 'name the port in the container, or write its number',
      },
    ]
  const states = matching.slice(0, 3).map((pod) => `${pod.metadata.name} ${stateOf(pod)}`)
  return [
    {
      code: 'NoReadyPod',
      level: 'error',
      say: `${name} selects ${matching.length} pod${matching.length === 1 ? '' : 's'}, and none is ready: ${states.join('; ')}`,
      fix: `kubectl -n ${service.metadata.namespace} describe pod ${matching[0]?.metadata.name}`,
    },
  ]
}

/** The service exists, the port does not. */
export function wrongPort({ cluster, to, verdict, target }: Case): Why[] {
  if (!to || verdict === 'delivered') return []
  const owner = ownerOf(cluster, to.address)
  if (owner.kind !== 'service') return []
  const protocol = target.protocol === 'udp' || target.protocol === 'dns' ? 'UDP' : 'TCP'
  const ports = owner.service.spec.ports ?? []
  if (ports.some((one) => one.port === to.port && (one.protocol ?? 'TCP') === protocol)) return []
  const meant = ports.find((one) => one.targetPort === to.port || one.nodePort === to.port)
  const list = ports.map((one) => `${one.port}/${one.protocol ?? 'TCP'}`).join(', ')
  const which =
    meant === undefined
      ? ''
      : `; ${to.port} is its ${meant.nodePort === to.port ? 'nodePort' : 'targetPort'}, which is meant for others`
  return [
    {
      code: 'NoSuchPort',
      level: 'error',
      say: `${nameOf(owner.service)} has no port ${to.port}/${protocol}; it has ${list === '' ? 'none' : list}${which}`,
      fix: `ask for port ${meant?.port ?? ports[0]?.port ?? '...'}, or add port ${to.port} to the service`,
    },
  ]
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

function stateOf(pod: Pod): string {
  const waiting = pod.status?.containerStatuses?.find(({ ready }) => !ready)
  const reason = waiting?.state?.waiting?.reason ?? waiting?.state?.terminated?.reason
  const condition = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status !== 'True')
  return reason ?? condition?.message ?? condition?.reason ?? pod.status?.phase ?? 'Pending'
}

function selectorText(selector: Record<string, string>): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

function nameOf(service: Service): string {
  return `service ${service.metadata.namespace}/${service.metadata.name}`
}
