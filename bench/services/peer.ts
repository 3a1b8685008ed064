import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { formatCidr } from '../../src/base/address.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import type { Change } from './changes.ts'
import { endpointsOf, podCidr, type Served } from './make.ts'

// kube-proxy's own layout, in nft's language, through the program nft: a chain for each service and each endpoint.
// (kubernetes/kubernetes, pkg/proxy/nftables/proxier.go)

/** The peers' names. */
export const layoutLine = "kube-proxy's layout, nft -f"
export const nftLine = 'one call of nft'

const nft = ['/usr/sbin/nft', '/sbin/nft', '/usr/bin/nft'].find((path) => existsSync(path))
export const nftIsHere: boolean = nft !== undefined

/** Hands text to nft in this namespace; one call is one transaction. */
export function runNft(ns: Netns, text: string): void {
  const { status, stderr } = inNetns(ns, () => spawnSync(nft ?? 'nft', ['-f', '-'], { input: text, encoding: 'utf8' }))
  if (status !== 0) throw new Error(`nft: ${stderr.slice(0, 500)}`)
}

/** The whole table. */
export function kubeProxyTable(all: readonly Served[]): string {
  const lines = [
    'table ip kube-proxy {',
    'chain mark-for-masquerade { meta mark set mark or 0x4000; }',
    'chain masquerading { type nat hook postrouting priority 100; meta mark & 0x4000 != 0 masquerade fully-random; }',
  ]
  for (const served of all) {
    for (const address of endpointsOf(served)) lines.push(endpointChain(served, address))
    lines.push(`chain ${serviceChain(served)} { ${serviceRules(served).join('; ')}; }`)
  }
  const elements = all.map(element)
  lines.push(
    `map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${elements.join(', ')} }; }`,
    'chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }',
    'chain nat-prerouting { type nat hook prerouting priority -100; jump services; }',
    '}',
  )
  return lines.join('\n')
}

/** One change, as commands. Chains of endpoints that have left go with it, as they do some time later with kube-proxy. */
export function kubeProxyChange({ before, after }: Change): string {
  const had = before ? endpointsOf(before) : []
  const has = after ? endpointsOf(after) : []
  const lines: string[] = []
  if (after) {
    for (const address of has.filter((each) => !had.includes(each)))
      lines.push(...newChain(endpointName(after, address), endpointRules(address)))
    lines.push(...newChain(serviceChain(after), serviceRules(after)))
    if (!before) lines.push(`add element ip kube-proxy service-ips { ${element(after)} }`)
  }
  if (before) {
    if (!after)
      lines.push(`delete element ip kube-proxy service-ips { ${element(before)} }`, ...noChain(serviceChain(before)))
    for (const address of had.filter((each) => !has.includes(each)))
      lines.push(...noChain(endpointName(before, address)))
  }
  return lines.join('\n')
}

const newChain = (name: string, rules: readonly string[]): string[] => [
  `add chain ip kube-proxy ${name}`,
  `flush chain ip kube-proxy ${name}`,
  ...rules.map((rule) => `add rule ip kube-proxy ${name} ${rule}`),
]
const noChain = (name: string): string[] => [`flush chain ip kube-proxy ${name}`, `delete chain ip kube-proxy ${name}`]
const element = (served: Served): string => `${served.service.spec.clusterIP} . tcp . 80 : goto ${serviceChain(served)}`

function serviceRules(served: Served): string[] {
  const endpoints = endpointsOf(served)
  const choices = endpoints.map((address, at) => `${at} : goto ${endpointName(served, address)}`).join(', ')
  return [
    `ip daddr ${served.service.spec.clusterIP} tcp dport 80 ip saddr != ${formatCidr(podCidr)} jump mark-for-masquerade`,
    `numgen random mod ${endpoints.length} vmap { ${choices} }`,
  ]
}

function endpointChain(served: Served, address: string): string {
  return `chain ${endpointName(served, address)} { ${endpointRules(address).join('; ')}; }`
}

const endpointRules = (address: string): string[] => [
  `ip saddr ${address} jump mark-for-masquerade`,
  `meta l4proto tcp dnat to ${address}:8080`,
]

const serviceChain = ({ service }: Served): string => `service-${service.metadata.name}`
const endpointName = (served: Served, address: string): string =>
  `endpoint-${served.service.metadata.name}-${address.replaceAll('.', '-')}`
