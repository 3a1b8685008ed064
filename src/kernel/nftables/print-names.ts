import type { ValueType } from './print-value.ts'

// nft's names for what rules load into registers, and of what type that is.

/** By base, offset and length. */
export const payloads: Readonly<Record<string, { say: string; type: ValueType }>> = {
  'network 9 1': { say: 'ip protocol', type: 'inet_proto' },
  'network 12 4': { say: 'ip saddr', type: 'ipv4_addr' },
  'network 16 4': { say: 'ip daddr', type: 'ipv4_addr' },
  'network 6 1': { say: 'ip6 nexthdr', type: 'inet_proto' },
  'network 8 16': { say: 'ip6 saddr', type: 'ipv6_addr' },
  'network 24 16': { say: 'ip6 daddr', type: 'ipv6_addr' },
  'transport 0 2': { say: 'th sport', type: 'inet_service' },
  'transport 2 2': { say: 'th dport', type: 'inet_service' },
}

export const metaTypes: Readonly<Record<string, ValueType>> = {
  l4proto: 'inet_proto',
  mark: 'mark',
  iifname: 'device',
  oifname: 'device',
  iif: 'number',
  oif: 'number',
  nfproto: 'nfproto',
  nftrace: 'number',
  cpu: 'number',
}

/** Without a name it is the key's own. */
export const ctNames: Readonly<Record<string, { name?: string; type?: ValueType }>> = {
  state: { type: 'ct state' },
  status: { type: 'ct status' },
  direction: { type: 'ct direction' },
  mark: { type: 'mark' },
  protocol: { type: 'inet_proto' },
  'proto-src': { type: 'inet_service' },
  'proto-dst': { type: 'inet_service' },
  'src-ip': { name: 'ip saddr', type: 'ipv4_addr' },
  'dst-ip': { name: 'ip daddr', type: 'ipv4_addr' },
  'src-ip6': { name: 'ip6 saddr', type: 'ipv6_addr' },
  'dst-ip6': { name: 'ip6 daddr', type: 'ipv6_addr' },
}
