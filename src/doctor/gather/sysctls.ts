import type { Netns } from '../../kernel/netns.ts'
import { hasSysctl, readSysctl } from '../../kernel/sysctl.ts'

/** Settings that decide whether packets pass, and what the kernel can tell of them. */
const always = [
  'net.ipv4.ip_forward',
  'net.ipv6.conf.all.forwarding',
  'net.bridge.bridge-nf-call-iptables',
  'net.bridge.bridge-nf-call-ip6tables',
  'net.bridge.bridge-nf-call-arptables',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_no_pmtu_disc',
  'net.ipv4.tcp_mtu_probing',
  'net.ipv4.neigh.default.gc_thresh3',
  'net.netfilter.nf_conntrack_max',
  'net.netfilter.nf_conntrack_count',
  'net.netfilter.nf_conntrack_acct',
  'net.netfilter.nf_conntrack_timestamp',
  'net.netfilter.nf_conntrack_tcp_be_liberal',
  'net.netfilter.nf_conntrack_tcp_timeout_established',
  'net.netfilter.nf_conntrack_tcp_timeout_syn_sent',
  'net.netfilter.nf_conntrack_udp_timeout',
  'net.netfilter.nf_conntrack_udp_timeout_stream',
] as const
const ofEachLink = ['rp_filter', 'forwarding', 'arp_ignore', 'arp_announce', 'proxy_arp', 'route_localnet'] as const

/** By name, without those that this kernel has not. `links`: those whose own settings are told, beside `all`. */
export function readSysctls(ns: Netns | undefined, links: readonly string[]): Record<string, string> {
  const names: string[] = [...always]
  // In a sysctl's name, a dot in a link's name is written as a slash.
  for (const link of ['all', ...links])
    for (const setting of ofEachLink) names.push(`net.ipv4.conf.${link.replaceAll('.', '/')}.${setting}`)
  return Object.fromEntries(names.flatMap((name) => (hasSysctl(name, ns) ? [[name, readSysctl(name, ns)]] : [])))
}
