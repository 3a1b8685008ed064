import { type Cluster, ownerOf, podAddress, podKey } from './cluster/cluster.ts'
import type { Origin } from './origin.ts'
import { isThisHost, loopback, sayThisHost } from './special.ts'
import type { Told } from './tell/tell.ts'
import { type DnsStep, unanswered, type Verdict, type Why } from './types.ts'

// What a reader has to know of the ends of a request: not what is wrong in the cluster, but what FROM and TO mean.

export function notesOf(told: Told, verdict: Verdict): Why[] {
  return [
    ...thisHostMeant(told),
    ...hostNetworkSender(told),
    ...hostNetworkReceiver(told),
    ...namesUnknownHere(told, verdict),
    ...onlyIpv6(told, verdict),
  ]
}

/** Whether names were asked for where the cluster's are known: by a pod, or from a server that is the cluster's. */
export function knowsClusterNames(cluster: Cluster, source: Origin, dns: readonly DnsStep[]): boolean {
  if (source.kind === 'pod') return true
  return dns.some(({ server }) => server === cluster.nodeDns?.address || cluster.services.some(has(server)))
}

function has(server: string): (service: { spec: { clusterIP?: string } }) => boolean {
  return ({ spec }) => spec.clusterIP === server
}

function thisHostMeant({ target: { host }, dns, to }: Told): Why[] {
  const named = host.kind === 'address' ? isThisHost(host.address) : dns.some(({ answers }) => answers.some(isThisHost))
  if (!named || to?.address !== loopback) return []
  return [
    note(
      'ThisHost',
      sayThisHost,
      'name the machine that is meant; programs listen on 0.0.0.0, nobody is sent to there',
    ),
  ]
}

function hostNetworkSender({ source }: Told): Why[] {
  if (source.kind !== 'node' || !source.pod) return []
  const pod = podKey(source.pod)
  return [
    note(
      'HostNetwork',
      `pod ${pod} has no network of its own (hostNetwork): what it sends, ${source.node} sends`,
      'nothing is wrong with that; a pod has a network of its own when hostNetwork is left out',
    ),
  ]
}

function hostNetworkReceiver({ cluster, target, to }: Told): Why[] {
  const { host } = target
  if (host.kind !== 'object' || host.object.kind !== 'pod' || !to || ownerOf(cluster, to.address).kind !== 'node')
    return []
  const pod = cluster.pods.find(
    (one) => one.spec.hostNetwork && one.metadata.name === host.object.name && podAddress(one) === to.address,
  )
  if (!pod) return []
  const node = pod.spec.nodeName ?? 'its node'
  const say = `pod ${podKey(pod)} has no network of its own (hostNetwork): ${to.address} is ${node}’s address, and what is sent there arrives at ${node}`
  return [
    note('HostNetwork', say, 'nothing is wrong with that; a pod has a network of its own when hostNetwork is left out'),
  ]
}

function namesUnknownHere({ cluster, source, dns, target: { host } }: Told, verdict: Verdict): Why[] {
  const silent = dns.length > 0 && dns.every(unanswered)
  if (host.kind !== 'name' || knowsClusterNames(cluster, source, dns)) return []
  if (verdict !== 'name-not-found' && !silent) return []
  const [service = host.name] = host.name.split('.')
  const known = cluster.services.some(({ metadata }) => metadata.name === service)
  const object = known ? `svc/${service}` : 'svc/NAME'
  if (source.kind === 'outside')
    return [
      {
        code: 'OutsideNames',
        level: 'error',
        say: `outside of the cluster nobody asks its name server: "${host.name}" means something to pods only`,
        fix: `name the object: ${object} means its load balancer’s address or a node port`,
      },
    ]
  return [
    {
      code: 'NodeNames',
      level: 'error',
      say: `${source.node} asks ${asked(dns)}, as its own /etc/resolv.conf says, and not the cluster’s name server: "${host.name}" means something to pods only`,
      fix: `name the object: ${object} means its address`,
    },
  ]
}

/** The name is known, by addresses that a trace does not follow. */
function onlyIpv6({ dns, target: { host } }: Told, verdict: Verdict): Why[] {
  if (verdict !== 'name-not-found' || host.kind !== 'name' || !hasOnlyIpv6(dns)) return []
  const addresses = dns.flatMap(({ type, answers }) =>
    type === 'AAAA' ? answers.filter((one) => !one.includes(' ')) : [],
  )
  return [
    {
      code: 'OnlyIpv6',
      level: 'error',
      say: `"${host.name}" has only addresses of IPv6 (${addresses.join(', ')}), and a trace follows IPv4 only`,
      fix: 'trace to a name that has an IPv4 address, too, or give this one such an address',
    },
  ]
}

/** Of the addresses that were found, none is one of IPv4. */
export function hasOnlyIpv6(dns: readonly DnsStep[]): boolean {
  const has = (wanted: DnsStep['type']): boolean =>
    dns.some(({ type, answers }) => type === wanted && answers.some((one) => !one.includes(' ')))
  return has('AAAA') && !has('A')
}

function asked(dns: readonly DnsStep[]): string {
  return [...new Set(dns.map(({ server }) => server))].join(', ') || 'nobody'
}

function note(code: string, say: string, fix: string): Why {
  return { code, level: 'info', say, fix }
}
