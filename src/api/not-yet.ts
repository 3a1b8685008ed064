import { type AnyObject, isRecord } from './json.ts'
import type { ObjectMeta } from './objects/meta.ts'

/** What an object asks for and this version takes without doing it: said to whoever applies it, or they would wait for it in vain. */
export function notYet({ kind, metadata, spec, status }: AnyObject): string[] {
  if (!isRecord(spec)) return []
  if (kind === 'NetworkPolicy')
    return ['network policies are kept and not enforced in this version: every pod can reach every other pod']
  return kind === 'Service' ? [...balanced(metadata, spec, status), ...topology(metadata)] : []
}

/** A cloud has somebody who gives load balancers their addresses; here it is whoever made the service. */
function balanced(metadata: ObjectMeta, { type }: Record<string, unknown>, status: unknown): string[] {
  const { loadBalancer } = isRecord(status) ? status : {}
  const ingress = isRecord(loadBalancer) ? loadBalancer['ingress'] : undefined
  if (type !== 'LoadBalancer' || (Array.isArray(ingress) && ingress.length > 0)) return []
  const { name, namespace = 'default' } = metadata ?? {}
  const example = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '203.0.113.10' }] } } })
  return [
    `spec.type: LoadBalancer: nobody gives out load balancer addresses here: the service has its cluster IP and node ports until you give it one, for example: kubectl patch service ${name} -n ${namespace} --subresource=status --type=merge -p '${example}'`,
  ]
}

/** Hints by the share of each zone's CPUs; hints by place are spec.trafficDistribution. */
function topology(metadata: ObjectMeta): string[] {
  return ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'].flatMap((key) =>
    metadata?.annotations?.[key]?.toLowerCase() === 'auto'
      ? [`metadata.annotations[${key}]: Auto is not in this version; use spec.trafficDistribution: PreferSameZone`]
      : [],
  )
}
