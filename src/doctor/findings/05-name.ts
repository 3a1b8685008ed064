import type { Service } from '../../api/objects/service.ts'
import { nearest } from '../../base/nearest.ts'
import type { Case } from '../../trace/case.ts'
import type { Cluster } from '../../trace/cluster/cluster.ts'
import { hasOnlyIpv6, knowsClusterNames } from '../../trace/notes.ts'
import { namespaceOf } from '../../trace/origin.ts'
import { serviceNamed } from '../../trace/ask/resolve.ts'
import type { DnsStep, Why } from '../../trace/types.ts'
import { directoryOf, spaceOf } from '../directory.ts'
import type { Check, Finding } from '../types.ts'
import { listed, referTo, senderOf } from './finding.ts'

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
    return [
      {
        ...whyMissing(request, request.target.host.name),
        number: 5,
        level: 'error',
        object: senderOf(request),
        sure: 'certain',
        evidence: [{ kind: 'packet', text: askedText(request.dns) }],
      },
    ]
  },
}

/** What was asked and said, in short: the trace has every question in its table. */
function askedText(dns: readonly DnsStep[]): string {
  const [first] = dns
  if (!first) return 'no question was answered'
  const distinct = (of: (step: DnsStep) => string): string[] => [...new Set(dns.map(of))]
  const names = distinct(({ question }) => question)
  const said = listed(distinct(({ rcode }) => rcode))
  const more = names.length > 1 ? `, the first of ${names.length} names,` : ''
  return `${first.question}${more} asked of ${listed(distinct(({ server }) => server))}: ${said}`
}

/** A question itself is delivered when a server answers it, though the answer is that there is no such name. */
function isMissing({ verdict, target, dns }: Case): boolean {
  if (verdict === 'name-not-found') return true
  const asked = target.protocol === 'dns' && dns.some(({ rcode }) => rcode === 'NXDOMAIN')
  return asked && dns.every(({ answers }) => answers.length === 0)
}

function whyMissing({ cluster, source }: Case, name: string): Pick<Finding, 'code' | 'say' | 'fix' | 'also'> {
  // Who is no pod is in no namespace, and completes no name.
  const namespace = namespaceOf(source)
  const written = ({ metadata }: Service): string =>
    namespace === undefined
      ? `${metadata.name}.${metadata.namespace}.svc.${cluster.zone}`
      : metadata.namespace === namespace
        ? metadata.name
        : `${metadata.name}.${metadata.namespace}`
  const service = serviceNamed(cluster, name, namespace ?? 'default')
  // About that service, too: where something is wrong with what it names (13), that is told alone.
  if (service?.spec.type === 'ExternalName')
    return { ...externalName(name, service.spec.externalName ?? '', cluster), also: [referTo(service)] }
  if (service && (namespace !== undefined || name.replace(/\.$/, '').endsWith(`.${cluster.zone}`)))
    return {
      code: 'NameNotServed',
      say: `there is a service for "${name}", and DNS has no address for it`,
      fix: 'a headless service needs a ready pod; else look at the logs of the cluster’s DNS',
    }
  const say = `nothing is called "${name}"`
  const elsewhere = othersOf(cluster, name, namespace)
  if (elsewhere.length > 0) {
    const [first] = elsewhere.map(({ metadata }) => metadata.name)
    const spacesNear = nearest(shortOf(name, cluster)[1] ?? '', elsewhere.map(spaceOf))
    const near = elsewhere.filter((one) => spacesNear.includes(spaceOf(one)))
    const spaces = elsewhere.map(({ metadata }) => metadata.namespace ?? 'default')
    const whom = namespace === undefined ? `at ${source.key}` : `for a pod in namespace ${namespace}`
    return {
      code: 'NameElsewhere',
      say: `${say} ${whom}; a service ${first} is in ${listed(spaces, 3)}`,
      fix:
        elsewhere.length > 3 && near.length === 0
          ? `write ${first}.NAMESPACE${namespace === undefined ? `.svc.${cluster.zone}` : ''} with the one that is meant: kubectl get services -A has all`
          : `write ${(elsewhere.length > 3 ? near : elsewhere).map(written).join(' or ')}`,
    }
  }
  const member = memberOf(cluster, name, namespace)
  if (member) return { code: 'NameOfPod', ...member }
  const pod = cluster.pods.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
  if (pod)
    return {
      code: 'NameOfPod',
      say: `${name} is a pod, and DNS knows services, no pod by its name alone`,
      fix: `trace to pod/${name}:PORT, or make a service: kubectl -n ${namespace} expose pod ${name} --port=PORT`,
    }
  const here = cluster.services.map(written)
  const like = nearlyThat(cluster, name, namespace).map(written)
  if (like.length === 0 && name.includes('.') && !isInside(name, cluster))
    return {
      code: 'NameOutside',
      say: `${say} in the cluster, and its DNS asks nobody outside of it until its configuration names a server`,
      fix: 'let it ask one: forward in `up --dns-config FILE` (docs/dns.md); names of services are NAME, NAME.NAMESPACE, or NAME.NAMESPACE.svc.cluster.local',
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

/** The labels of a name before what every name of the cluster ends with, also where that end is wrong: `web.shop.svc.cluster.locl`. */
function shortOf(name: string, { zone }: Cluster): string[] {
  const bare = name.toLowerCase().replace(/\.$/, '')
  const short = bare.endsWith(`.${zone}`) ? bare.slice(0, -zone.length - 1) : bare
  return short.replace(/\.svc(\..*)?$/, '').split('.')
}

/** Services whose names are nearly that, with their namespace where one was written; without one the sender's own go before others. */
function nearlyThat(cluster: Cluster, name: string, namespace: string | undefined): Service[] {
  const { services } = cluster
  const labels = shortOf(name, cluster)
  const written = ({ metadata }: Service): string =>
    labels.length > 1 ? `${metadata.name}.${metadata.namespace ?? 'default'}` : metadata.name
  const among = Map.groupBy(services, written)
  const found = nearest(labels.join('.'), among.keys()).flatMap((one) => among.get(one) ?? [])
  const own = labels.length > 1 ? [] : found.filter((one) => spaceOf(one) === namespace)
  return (own.length > 0 ? own : found).slice(0, 3)
}

/** `db-0.db`: a pod has a name below its headless service when it says so itself (hostname and subdomain, which a StatefulSet writes). */
function memberOf(
  cluster: Cluster,
  name: string,
  namespace: string | undefined,
): Pick<Finding, 'say' | 'fix' | 'also'> | undefined {
  const [host = '', below, space = namespace, ...rest] = shortOf(name, cluster)
  if (below === undefined || space === undefined || rest.length > 0) return undefined
  const service = cluster.services.find(({ metadata }) => metadata.name === below && spaceOf({ metadata }) === space)
  if (service?.spec.clusterIP !== 'None') return undefined
  const pods = directoryOf(cluster).matching(space, service.spec.selector ?? {})
  const said = `nothing is called "${name}"`
  const pod = pods.find(({ metadata }) => metadata.name === host)
  if (pod && (pod.spec.hostname !== host || pod.spec.subdomain !== below))
    return {
      say: `${said}: pod ${space}/${host} is one of the headless service ${below}, and does not say that this is its name`,
      fix: `give the pod hostname: ${host} and subdomain: ${below} (a StatefulSet with serviceName: ${below} does)`,
      also: [referTo(pod), referTo(service)],
    }
  if (pod) return undefined
  const names = pods.flatMap(({ spec }) => (spec.subdomain === below ? (spec.hostname ?? []) : []))
  return {
    say: `${said}: the headless service ${space}/${below} has no pod of that name${names.length === 0 ? '' : `; it has ${listed(names)}`}`,
    fix: `ask for ${below}.${space}, which is all of its ready pods`,
    also: [referTo(service)],
  }
}

/** Services of the same name: in the namespace most like the one that was written, in the sender's, then by name. */
function othersOf(cluster: Cluster, name: string, namespace: string | undefined): Service[] {
  const [first = '', space, ...rest] = name.toLowerCase().replace(/\.$/, '').split('.')
  // `api.example.com` is no service called "api".
  if (rest.length > 0 && !isInside(name, cluster)) return []
  const found = cluster.services.filter(({ metadata }) => metadata.name === first)
  const near = space === undefined ? [] : nearest(space, found.map(spaceOf))
  const order = [...near, ...(namespace === undefined ? [] : [namespace])]
  const rank = (one: Service): number => (order.includes(spaceOf(one)) ? order.indexOf(spaceOf(one)) : order.length)
  return found.sort(
    (one, other) => rank(one) - rank(other) || spaceOf(one).localeCompare(spaceOf(other), 'en', { numeric: true }),
  )
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
