import type { DnsConfig } from '../../../src/dns/config/config.ts'
import { load } from '../../../src/dns/config/load.ts'
import { address } from '../../../src/base/address.ts'
import { reverseRanges } from './random-objects.ts'

/** `hosts` has names of its own, and neither reverse zones nor pod records. */
export type Name = 'usual' | 'ranged' | 'hosts'

/** Configurations in which CoreDNS and we are compared: of each the lines in the plugin kubernetes. */
export const corefiles: Readonly<Record<Name, readonly string[]>> = {
  /** kubeadm's. */
  usual: ['cluster.local in-addr.arpa ip6.arpa', 'pods insecure', 'fallthrough in-addr.arpa ip6.arpa', 'ttl 30'],
  /** Reverse names of the cluster's ranges are asked nowhere else. */
  ranged: [`cluster.local ${reverseRanges.join(' ')}`, 'pods verified', 'ttl 30'],
  hosts: ['cluster.local', 'ttl 30'],
}

const hosts = `hosts {
        192.0.2.200 registry.corp.test registry
        192.0.2.201 registry.corp.test
        2001:db8::200 six.corp.test
        10.0.0.100 clash.corp.test
        ttl 60
        fallthrough
    }`

export interface Places {
  readonly port: number
  /** Port of 127.0.0.1 that all other names are asked at. */
  readonly upstream: number
}

/** There is no cache: answers are to be compared as they are made. */
export function corefile(name: Name, { port, upstream }: Places, ...more: string[]): string {
  const [zones, ...properties] = corefiles[name]
  return `.:${port} {
    errors
    ${name === 'hosts' ? hosts : ''}
    kubernetes ${zones} {
        ${[...properties, ...more].join('\n        ')}
    }
    forward . 127.0.0.1:${upstream}
    loadbalance
}
`
}

/** What becomes of the same file here; the port is any that is free. */
export function configOf(name: Name, upstream: number): DnsConfig {
  const listen = [{ address: address('127.0.0.1'), port: 0 }]
  const source = { path: name, format: 'corefile' as const, override: (config: DnsConfig) => ({ ...config, listen }) }
  return load(source, corefile(name, { port: 53, upstream })).config
}
