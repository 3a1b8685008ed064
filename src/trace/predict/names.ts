import type { Pod } from '../../api/objects/pod.ts'
import type { Address } from '../../base/address.ts'
import { parseAddress } from '../../base/address.ts'
import { types } from '../../dns/wire/message.ts'
import { Zone } from '../../dns/zone/zone.ts'
import { type Cluster, podAddress, podKey } from '../cluster/cluster.ts'
import type { Origin } from '../origin.ts'
import { candidates, type ResolvConf } from '../probe/resolvconf.ts'
import type { DnsStep } from '../types.ts'

/** What a program of the sender would be told of a name. */
export interface ForetoldName {
  readonly steps: readonly DnsStep[]
  readonly address?: Address
  /** The name that had an answer, or was asked last. */
  readonly question: string
  /** A name of no zone of the cluster: who it is, only its own servers can say. */
  readonly outside?: string
  /** What had to be taken for granted. */
  readonly notes: readonly string[]
}

/**
 * Question by question what the cluster's DNS service answers: the search list by the pod's dnsPolicy and dnsConfig, the answers by the
 * Kubernetes DNS specification (1.1.0). `elsewhere`: what becomes of names of other zones; where nobody is known who could be asked on, they are refused.
 */
export function foretellName(
  cluster: Cluster,
  namespaces: readonly string[],
  source: Origin,
  name: string,
  elsewhere: 'FORWARDED' | 'REFUSED' = 'FORWARDED',
): ForetoldName {
  const local = inHosts(source.pod, cluster.zone, name)
  if (local !== undefined) {
    const step: DnsStep = { question: name, type: 'A', server: '/etc/hosts', rcode: 'NOERROR', answers: [local], ms: 0 }
    return { steps: [step], address: local, question: name, notes: [] }
  }
  const { conf, notes } = confOf(cluster, source)
  if (conf.servers.length === 0) return { steps: [], question: name, outside: name, notes }
  const zone = zoneOf(cluster, namespaces)
  const kinds = conf.noAaaa ? (['A'] as const) : (['A', 'AAAA'] as const)
  const servers = Array.from({ length: conf.attempts }, () => conf.servers).flat()
  const steps: DnsStep[] = []
  let stranger: string | undefined
  // As a program there asks (resolveName in ../probe/resolve.ts).
  for (const question of candidates(name, conf)) {
    for (const server of servers) {
      const turn = kinds.map((type) => ask(zone, cluster.zone, question, server, elsewhere, type))
      steps.push(...turn.map(({ step }) => step))
      const [{ address, outside } = {}] = turn
      if (address !== undefined) return { steps, question, address, notes }
      stranger ??= outside
      // What a server that asks others is told, nobody knows, nor what follows from it.
      if (outside !== undefined && elsewhere === 'FORWARDED') return { steps, question, outside, notes }
      if (turn.every(({ step: { rcode } }) => rcode === 'NXDOMAIN' || rcode === 'NOERROR')) break
    }
  }
  const question = steps.at(-1)?.question ?? name
  return { steps, question, ...(stranger !== undefined && { outside: stranger }), notes }
}

/** What the cluster's own zone has for a question. `outside`: the name, of no zone here, that it is about, or leads to. */
export function ask(
  zone: Zone,
  domain: string,
  question: string,
  server: Address,
  elsewhere: 'FORWARDED' | 'REFUSED',
  type: DnsStep['type'] = 'A',
): { step: DnsStep; address?: Address; outside?: string } {
  const answers: string[] = []
  let answeredBy: string | undefined
  const step = (rcode: string): DnsStep => ({
    question,
    type,
    server,
    rcode,
    answers,
    ...(answeredBy !== undefined && { answeredBy }),
    ms: 0,
  })
  let asked = question.toLowerCase()
  // An alias may lead to an alias.
  for (let at = 0; at < mostAliases; at++) {
    if (asked !== domain && !asked.endsWith(`.${domain}`)) return { step: step(elsewhere), outside: asked }
    const found = zone.find(asked.split('.'), types[type])
    if (found.kind === 'alias') {
      answeredBy = `cluster: ${found.from}`
      answers.push(`${asked} -> ${found.target}`)
      asked = found.target.toLowerCase().replace(/\.$/, '')
      continue
    }
    if (found.kind !== 'records') return { step: step(found.kind === 'no data' ? 'NOERROR' : 'NXDOMAIN') }
    answeredBy = `cluster: ${found.from}`
    const addresses = found.answers.flatMap((record) => (record.type === type ? [record.address] : []))
    answers.push(...addresses)
    const [address] = addresses
    return { step: step('NOERROR'), ...(address !== undefined && { address }) }
  }
  return { step: step('SERVFAIL') }
}

export const mostAliases = 8

/** A pod's resolv.conf as kubelet writes it (dnsPolicy, dnsConfig). What a node has in its own, no object says. */
function confOf(cluster: Cluster, { kind, pod }: Origin): { conf: ResolvConf; notes: string[] } {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = pod?.spec ?? {}
  const extra = dnsConfig?.options?.find(({ name }) => name === 'ndots')?.value
  const own = (dnsConfig?.nameservers ?? []).flatMap((text) => parseAddress(text) ?? [])
  const searches = dnsConfig?.searches ?? []
  const noAaaa = dnsConfig?.options?.some((one) => one.name === 'no-aaaa') === true
  const usual = { timeout: 5, attempts: 2, noAaaa }
  const asCluster =
    kind === 'pod' || hostNetwork
      ? dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork)
      : false
  if (!asCluster) {
    const ndots = Number(extra ?? 1)
    const notes =
      dnsPolicy === 'None' && pod
        ? []
        : [
            `${pod ? `pod ${podKey(pod)}` : 'the sender'} asks the name servers of its machine, and no object says which those are`,
          ]
    return { conf: { servers: own, search: searches, ndots, ...usual }, notes }
  }
  const service = cluster.services.find(
    ({ metadata }) =>
      metadata.namespace === 'kube-system' &&
      (metadata.labels?.['k8s-app'] === 'kube-dns' || metadata.name === 'kube-dns'),
  )
  const address =
    cluster.nodeDns?.address ??
    (service?.spec.clusterIP === undefined ? undefined : parseAddress(service.spec.clusterIP))
  const { zone } = cluster
  const search = [`${pod?.metadata.namespace ?? 'default'}.svc.${zone}`, `svc.${zone}`, zone, ...searches]
  const notes =
    address === undefined
      ? ['there is no service kube-dns in kube-system: which name server pods ask, nothing says']
      : []
  return {
    conf: {
      servers: [...(address === undefined ? [] : [address]), ...own],
      search,
      ndots: Number(extra ?? 5),
      ...usual,
    },
    notes,
  }
}

export function zoneOf(
  { zone, services, slices }: Pick<Cluster, 'zone' | 'services' | 'slices'>,
  namespaces: readonly string[],
): Zone {
  const options = { ttl: 30, pods: 'insecure' as const, reverse: [], self: 'kube-dns.kube-system', now: () => 0 }
  const all = new Zone({ zone, ...options })
  for (const name of namespaces) all.namespace(name, true)
  for (const one of services) all.service(one, true)
  for (const one of slices) all.slice(one, true)
  return all
}

/** What kubelet writes into /etc/hosts: the pod's own name, and hostAliases. */
function inHosts(pod: Pod | undefined, zone: string, name: string): Address | undefined {
  const wanted = name.toLowerCase().replace(/\.$/, '')
  if (wanted === 'localhost') return parseAddress('127.0.0.1')
  if (!pod || pod.spec.hostNetwork) return undefined
  const { hostname = pod.metadata.name, subdomain, hostAliases = [] } = pod.spec
  const whole =
    subdomain === undefined ? [] : [`${hostname}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${zone}`]
  if ([hostname, ...whole].includes(wanted)) return podAddress(pod)
  const alias = hostAliases.find(({ hostnames = [] }) => hostnames.some((one) => one.toLowerCase() === wanted))
  return alias && parseAddress(alias.ip)
}
