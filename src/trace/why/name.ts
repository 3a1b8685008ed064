import { serviceNamed } from '../resolve.ts'
import { nearest } from '../../base/nearest.ts'
import { unanswered, type Why } from '../types.ts'
import type { Case } from './why.ts'

/** Nothing was sent because no name server answers; what the trace shows then is the way of the question. */
export function noNameServer({ dns, to, cluster }: Case): Why[] {
  const [first] = dns
  if (!first || !dns.every(unanswered)) return []
  const say = `${first.server} did not answer a question about "${first.question}", so nothing could be sent; this is the way of the question`
  const { nodeDns } = cluster
  if (first.server === nodeDns?.address && first.rcode === 'TIMEOUT')
    return [
      {
        code: 'NodeDnsHangs',
        level: 'error',
        say: `the name server of ${nodeDns.node} itself takes questions and does not answer; programs wait for it, and ask the next one after that`,
        fix: `end its process, kubehop dns ${nodeDns.node}: another one is started`,
      },
    ]
  const known = to !== undefined && first.server === to.address
  return [
    {
      code: 'NoNameServer',
      level: 'error',
      say,
      fix: known ? 'repair the way to the name server first' : 'look at the pod’s /etc/resolv.conf',
    },
  ]
}

/** The name has no address: a service of that name elsewhere, or one whose name is nearly that. */
export function nameMissing({ verdict, target, cluster, source }: Case): Why[] {
  if (verdict !== 'name-not-found' || target.host.kind !== 'name') return []
  const { name } = target.host
  const namespace = source.key.split('/')[0] ?? ''
  const service = serviceNamed(cluster, name, namespace)
  if (service?.spec.type === 'ExternalName') return [externalName(name, service.spec.externalName ?? '', cluster)]
  if (service)
    return [
      {
        code: 'NameNotServed',
        level: 'error',
        say: `there is a service for "${name}", and DNS has no address for it`,
        fix: 'a headless service needs a ready pod; else look at the logs of the cluster’s DNS',
      },
    ]
  const [first = ''] = name.split('.')
  const elsewhere = cluster.services.filter(
    ({ metadata }) => metadata.name === first && metadata.namespace !== namespace,
  )
  const say = `nothing is called "${name}"`
  if (elsewhere.length > 0) {
    const names = elsewhere.map(({ metadata }) => `${metadata.name}.${metadata.namespace}`)
    return [
      {
        code: 'NameElsewhere',
        level: 'error',
        say: `${say} for a pod in namespace ${namespace}; a service ${first} is in ${elsewhere.map(({ metadata }) => metadata.namespace).join(', ')}`,
        fix: `write ${names.join(' or ')}`,
      },
    ]
  }
  const here = cluster.services.flatMap(({ metadata }) =>
    metadata.namespace === namespace ? [metadata.name] : [`${metadata.name}.${metadata.namespace}`],
  )
  const like = nearest(name, here)
  const pod = cluster.pods.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
  if (pod)
    return [
      {
        code: 'NameOfPod',
        level: 'error',
        say: `${name} is a pod, and DNS knows services, no pod by its name alone`,
        fix: `trace to pod/${name}:PORT, or make a service: kubectl -n ${namespace} expose pod ${name} --port=PORT`,
      },
    ]
  if (like.length === 0 && name.includes('.') && !isInside(name, cluster))
    return [
      {
        code: 'NameOutside',
        level: 'error',
        say: `${say} in the cluster, and this version asks nobody outside it`,
        fix: 'names of services are NAME, NAME.NAMESPACE, or NAME.NAMESPACE.svc.cluster.local',
      },
    ]
  return [
    {
      code: 'NameUnknown',
      level: 'error',
      say,
      fix:
        like.length > 0
          ? `did you mean ${like.join(' or ')}?`
          : `make a Service of this name, or write the name of one that exists: ${here.slice(0, 5).join(', ')}`,
    },
  ]
}

/** The service is only another name, and that one has no address. */
function externalName(name: string, target: string, cluster: Case['cluster']): Why {
  const inside = isInside(target, cluster)
  return {
    code: 'ExternalNameWithoutAddress',
    level: 'error',
    say: `"${name}" is only another name for "${target}" (a service of type ExternalName), and that one has no address`,
    fix: inside
      ? `trace to http://${target}/: it says what is wrong there`
      : 'name a service of the cluster (NAME.NAMESPACE.svc.cluster.local), or let the cluster’s DNS ask a name server that knows this name: forward in `up --dns-config FILE` (docs/dns.md)',
  }
}

/** Whether the end of a name says that it is meant for this cluster: its zone, or a namespace. */
function isInside(name: string, { zone, services, pods }: Case['cluster']): boolean {
  const bare = name.replace(/\.$/, '')
  if (bare.endsWith('.svc') || bare.endsWith(`.${zone}`)) return true
  return [...services, ...pods].some(({ metadata }) => bare.endsWith(`.${metadata.namespace}`))
}

/** Questions that were asked only because the name has fewer dots than `ndots`. */
export function slowName({ dns, target, verdict }: Case): Why[] {
  const wasted = dns.filter(({ rcode }) => rcode === 'NXDOMAIN').length
  if (verdict === 'name-not-found' || wasted === 0 || target.host.kind !== 'name') return []
  return [
    {
      code: 'SearchedName',
      level: 'info',
      say: `${wasted} of ${dns.length} questions were about names that do not exist, because "${target.host.name}" has fewer dots than ndots`,
      fix: `write it as ${dns.at(-1)?.question}. with a dot at the end`,
    },
  ]
}
