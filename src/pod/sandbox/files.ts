import { isIP } from 'node:net'
import type { Address } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { resolvConfLines } from '../../base/resolv-conf.ts'
import type { Pod, PodSpec } from '../../api/objects/pod.ts'

/** Limits of a resolv.conf that every resolver in use can read (k8s.io/kubernetes/pkg/apis/core/validation). */
const maxNameservers = 3
const maxSearches = 32
const maxSearchChars = 2048
/** glibc 2.28 aborts on a search domain longer than a name can be. */
const maxSearchDomain = 253

export interface ResolvConfInput {
  /** Missing: ClusterFirst, the API's default. */
  policy?: PodSpec['dnsPolicy']
  namespace: string
  zone: string
  /** Empty: ClusterFirst falls back to the node's file, with a warning. */
  clusterDns: readonly Address[]
  /** The text of the node's own resolv.conf; its search domains come after the cluster's. */
  nodeConf: string
  dnsConfig?: PodSpec['dnsConfig']
  /** ClusterFirst means Default for a pod in the node's own network. */
  hostNetwork?: boolean
}

/** The text of a pod's /etc/resolv.conf as kubelet writes it, and the messages of its DNSConfigForming events. */
export function resolvConf(input: ResolvConfInput): { text: string; warnings: string[] } {
  const warnings: string[] = []
  const base = baseOf(input, warnings)
  const extra = input.dnsConfig ?? {}
  const servers = unique([...base.servers, ...(extra.nameservers ?? []).filter((text) => isIP(text) !== 0)])
  const searches = unique([...base.searches, ...(extra.searches ?? []).filter(isWord)])
  const options = mergeOptions(base.options, extra.options ?? [])
  const lines = [
    ...listed('search', fitSearches(searches, warnings)),
    ...fitServers(servers, warnings).map((server) => `nameserver ${server}\n`),
    ...listed('options', options),
  ]
  return { text: lines.join(''), warnings }
}

export interface HostsInput {
  podIPs: readonly string[]
  hostname: string
  subdomain?: string | undefined
  namespace: string
  zone: string
  hostAliases?: PodSpec['hostAliases']
  /** In the node's network: the node's own file, given as `nodeHosts`, with the aliases behind it. */
  hostNetwork?: boolean
  nodeHosts?: string
}

/** The text of a pod's /etc/hosts as kubelet writes it. */
export function hostsFile(input: HostsInput): string {
  const aliases = aliasLines(input.hostAliases ?? [])
  if (input.hostNetwork === true)
    return `# Kubernetes-managed hosts file (host network).\n${input.nodeHosts ?? ''}${aliases}`
  const { hostname, subdomain } = input
  const names = subdomain ? `${hostname}.${subdomain}.${input.namespace}.svc.${input.zone}\t${hostname}` : hostname
  return `${hostsHead}${input.podIPs.map((ip) => `${ip}\t${names}\n`).join('')}${aliases}`
}

export interface PodHostname {
  /** The short name: `spec.hostname` or the pod's name, at most 63 characters. For hosts and HOSTNAME. */
  hostname: string
  /** What the kernel is told (uname -n): the short name, or the whole one with setHostnameAsFQDN. */
  nodename: string
  /** `subdomain.namespace.svc.zone`, when the pod has a subdomain. */
  domain?: string
}

/** A pod's names; in its node's network, the node's own. Throws a KubehopError FailedCreatePodSandBox when setHostnameAsFQDN asks for more than the kernel's 64. */
export function hostnameOf(pod: Pod, zone: string): PodHostname {
  const { spec, metadata } = pod
  if (spec.hostNetwork === true && spec.nodeName !== undefined)
    return { hostname: spec.nodeName, nodename: spec.nodeName.slice(0, 64) }
  const hostname = (spec.hostname || metadata.name).slice(0, 63).replace(/[-.]+$/, '')
  if (!spec.subdomain) return { hostname, nodename: hostname }
  const domain = `${spec.subdomain}.${metadata.namespace ?? 'default'}.svc.${zone}`
  const whole = `${hostname}.${domain}`
  if (spec.setHostnameAsFQDN !== true) return { hostname, nodename: hostname, domain }
  if (whole.length > 64)
    throw new KubehopError(
      'pod',
      'hostname',
      'FailedCreatePodSandBox',
      `setHostnameAsFQDN needs a name of at most 64 characters and "${whole}" has ${whole.length}: ` +
        'choose a shorter hostname, subdomain or namespace',
    )
  return { hostname, nodename: whole, domain }
}

const hostsHead = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
fe00::\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`

export interface Resolver {
  servers: string[]
  searches: string[]
  options: string[]
}

function baseOf(input: ResolvConfInput, warnings: string[]): Resolver {
  const policy = input.policy ?? 'ClusterFirst'
  if (policy === 'None') return { servers: [], searches: [], options: [] }
  const node = parseResolvConf(input.nodeConf)
  const wantsCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && input.hostNetwork !== true)
  if (!wantsCluster) return node
  if (input.clusterDns.length === 0) {
    warnings.push(`the node has no cluster DNS address: a pod with policy ${policy} gets the node's resolv.conf`)
    return node
  }
  const { namespace, zone } = input
  return {
    servers: [...input.clusterDns],
    searches: unique([`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...node.searches]),
    options: ['ndots:5'],
  }
}

/** resolv.conf(5) as far as a pod inherits it; the last `search` line counts. */
export function parseResolvConf(text: string): Resolver {
  const found: Resolver = { servers: [], searches: [], options: [] }
  for (const [keyword, ...words] of resolvConfLines(text)) {
    if (keyword === 'nameserver' && words[0] !== undefined) found.servers.push(words[0])
    else if (keyword === 'search') found.searches = words.map((word) => (word === '.' ? word : word.replace(/\.$/, '')))
    else if (keyword === 'options') found.options.push(...words)
  }
  return found
}

function fitServers(servers: string[], warnings: string[]): string[] {
  if (servers.length <= maxNameservers) return servers
  const kept = servers.slice(0, maxNameservers)
  warnings.push(
    `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${kept.join(' ')}`,
  )
  return kept
}

function fitSearches(searches: string[], warnings: string[]): string[] {
  const kept = searches.slice(0, maxSearches).filter((domain) => domain.length <= maxSearchDomain)
  while (kept.join(' ').length > maxSearchChars) kept.pop()
  if (kept.length < searches.length)
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
    )
  return kept
}

/** An option of dnsConfig replaces one of the same name; the first one's place is kept. */
function mergeOptions(base: string[], extra: readonly { name: string; value?: string }[]): string[] {
  const merged = new Map<string, string>()
  for (const option of base) {
    const colon = option.indexOf(':')
    merged.set(colon < 0 ? option : option.slice(0, colon), colon < 0 ? '' : option.slice(colon + 1))
  }
  for (const { name, value } of extra) if (isWord(name) && (!value || isWord(value))) merged.set(name, value ?? '')
  return [...merged].map(([name, value]) => (value === '' ? name : `${name}:${value}`))
}

function aliasLines(aliases: readonly { ip: string; hostnames?: string[] }[]): string {
  const lines = aliases
    .filter(({ ip, hostnames }) => isIP(ip) !== 0 && (hostnames ?? []).every(isWord))
    .map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`)
  return lines.length === 0 ? '' : `\n# Entries added by HostAliases.\n${lines.join('')}`
}

function listed(keyword: string, words: string[]): string[] {
  return words.length === 0 ? [] : [`${keyword} ${words.join(' ')}\n`]
}

/** One word of a line: a value with white space in it could write lines of its own. */
function isWord(text: string): boolean {
  return /^[^\s#;]+$/.test(text)
}

function unique(words: string[]): string[] {
  return [...new Set(words)]
}
