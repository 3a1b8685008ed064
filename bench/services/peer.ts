import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { formatCidr } from '../../src/base/address.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { podCidr, type Served } from './make.ts'

// kube-proxy's own layout, in nft's language, through the program nft: a chain for each service and each endpoint.
// (kubernetes/kubernetes, pkg/proxy/nftables/proxier.go)

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
  const elements = all.map((served) => `${served.service.spec.clusterIP} . tcp . 80 : goto ${serviceChain(served)}`)
  lines.push(
    `map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${elements.join(', ')} }; }`,
    'chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }',
    'chain nat-prerouting { type nat hook prerouting priority -100; jump services; }',
    '}',
  )
  return lines.join('\n')
}

/** What changes when the endpoints of one service do: new endpoints' chains, and the service's chain anew. */
export function kubeProxyChange(before: Served, after: Served): string {
  const fresh = endpointsOf(after).filter((address) => !endpointsOf(before).includes(address))
  const chain = `ip kube-proxy ${serviceChain(after)}`
  return [
    ...fresh.flatMap((address) => {
      const name = `ip kube-proxy ${endpointName(after, address)}`
      return [`add chain ${name}`, ...endpointRules(address).map((rule) => `add rule ${name} ${rule}`)]
    }),
    `flush chain ${chain}`,
    ...serviceRules(after).map((rule) => `add rule ${chain} ${rule}`),
  ].join('\n')
}

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
const endpointsOf = ({ slice }: Served): string[] => slice.endpoints.flatMap((each) => each.addresses)
