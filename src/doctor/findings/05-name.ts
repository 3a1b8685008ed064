import { nearest } from '../../base/nearest.ts'
import type { Case } from '../../trace/case.ts'
import { hasOnlyIpv6, knowsClusterNames } from '../../trace/notes.ts'
import { namespaceOf } from '../../trace/origin.ts'
import { serviceNamed } from '../../trace/resolve.ts'
import type { Why } from '../../trace/types.ts'
import type { Check, Finding } from '../types.ts'
import { senderOf } from './finding.ts'

/** The name has no address: a service of that name elsewhere, or one whose name is nearly that. */
export const check: Check = {
  number: 5,
  title: 'name not found: the wrong name, or the wrong namespace',
  codes: ['NameElsewhere', 'NameUnknown', 'NameOfPod', 'NameOutside', 'NameNotServed', 'ExternalNameWithoutAddress'],
  needs: 'request',
  find: ({ request }): Finding[] => {
    if (!request || !isMissing(request) || request.target.host.kind !== 'name') return []
    // Elsewhere no name of the cluster is known at all: the trace says that itself.
    if (!knowsClusterNames(request.cluster, request.source, request.dns) || hasOnlyIpv6(request.dns)) return []
    const namespace = namespaceOf(request.source) ?? 'default'
    const asked = request.dns.map(({ question, rcode }) => `${question} ${rcode}`).join('; ')
    return [
      {
        ...whyMissing(request, request.target.host.name, namespace),
        number: 5,
        level: 'error',
        object: senderOf(request),
        sure: 'certain',
        evidence: [{ kind: 'packet', text: asked === '' ? 'no question was answered' : asked }],
      },
    ]
  },
}

/** A question itself is delivered when a server answers it, though the answer is that there is no such name. */
function isMissing({ verdict, target, dns }: Case): boolean {
  if (verdict === 'name-not-found') return true
  const asked = target.protocol === 'dns' && dns.some(({ rcode }) => rcode === 'NXDOMAIN')
  return asked && dns.every(({ answers }) => answers.length === 0)
}

function whyMissing({ cluster }: Case, name: string, namespace: string): Pick<Why, 'code' | 'say' | 'fix'> {
  const service = serviceNamed(cluster, name, namespace)
  if (service?.spec.type === 'ExternalName') return externalName(name, service.spec.externalName ?? '', cluster)
  if (service)
    return {
      code: 'NameNotServed',
      say: `there is a service for "${name}", and DNS has no address for it`,
      fix: 'a headless service needs a ready pod; else look at the logs of the cluster’s DNS',
    }
  const [first = ''] = name.split('.')
  const elsewhere = cluster.services.filter(
    ({ metadata }) => metadata.name === first && metadata.namespace !== namespace,
  )
  const say = `nothing is called "${name}"`
  if (elsewhere.length > 0) {
    const names = elsewhere.map(({ metadata }) => `${metadata.name}.${metadata.namespace}`)
    return {
      code: 'NameElsewhere',
      say: `${say} for a pod in namespace ${namespace}; a service ${first} is in ${elsewhere.map(({ metadata }) => metadata.namespace).join(', ')}`,
      fix: `write ${names.join(' or ')}`,
    }
  }
  const here = cluster.services.flatMap(({ metadata }) =>
    metadata.namespace === namespace ? [metadata.name] : [`${metadata.name}.${metadata.namespace}`],
  )
  const pod = cluster.pods.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
  if (pod)
    return {
      code: 'NameOfPod',
      say: `${name} is a pod, and DNS knows services, no pod by its name alone`,
      fix: `trace to pod/${name}:PORT, or make a service: kubectl -n ${namespace} expose pod ${name} --port=PORT`,
    }
  const like = nearest(name, here)
  if (like.length === 0 && name.includes('.') && !isInside(name, cluster))
    return {
      code: 'NameOutside',
      say: `${say} in the cluster, and this version asks nobody outside it`,
      fix: 'names of services are NAME, NAME.NAMESPACE, or NAME.NAMESPACE.svc.cluster.local',
    }
  return {
    code: 'NameUnknown',
    say,
    fix:
      like.length > 0
        ? `did you mean ${like.join(' or ')}?`
        : `make a Service of this name, or write the name of one that exists: ${here.slice(0, 5).join(', ')}`,
  }
}

/** The service is only another name, and that one has no address. */
function externalName(name: string, target: string, cluster: Case['cluster']): Pick<Why, 'code' | 'say' | 'fix'> {
  return {
    code: 'ExternalNameWithoutAddress',
    say: `"${name}" is only another name for "${target}" (a service of type ExternalName), and that one has no address`,
    fix: isInside(target, cluster)
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
