import { createHash } from 'node:crypto'
import type { Family } from '../../base/metrics/family.ts'
import { measured } from '../../base/metrics/number.ts'
import { version } from '../../base/version.ts'
import type { DnsConfig } from '../config/config.ts'
import type { Forwarder } from '../forward/forward.ts'
import type { HandlerName } from '../handlers/handler.ts'
import type { Hosts } from '../hosts/hosts.ts'
import { labelled, serverLabels } from './families.ts'
import type { Connections } from './connections.ts'
import type { InFlight } from './in-flight.ts'

export interface State {
  readonly config: DnsConfig
  readonly forward: Forwarder | undefined
  readonly hosts: Hosts | undefined
  readonly inFlight: InFlight
  readonly connections: Pick<Connections, 'size' | 'ended'>
  readonly port: number
}

/** What a server is at the moment, as metrics: what it was made of, what it has in hand. Asked at each scrape. */
export function stateFamilies(state: () => State): Family[] {
  return [
    labelled('gauge', 'coredns_build_info', 'A constant 1, labelled by version.', () => [
      { labels: { goversion: `node ${process.version}`, revision: '', version }, value: 1 },
    ]),
    labelled('gauge', 'coredns_plugin_enabled', 'Who is asked for answers.', () => {
      const { config, port } = state()
      return enabled(config).map((name) => ({ labels: { ...serverLabels(port), name }, value: 1 }))
    }),
    labelled(
      'gauge',
      'coredns_reload_version_info',
      'A constant 1, labelled by what the configuration hashes to.',
      () => [{ labels: { hash: 'sha512', value: hashOf(state().config) }, value: 1 }],
    ),
    measured('gauge', 'coredns_hosts_entries', 'Lines of the configuration and the hosts file.', () => {
      return state().hosts?.table.lines
    }),
    measured('gauge', 'coredns_hosts_reload_timestamp_seconds', 'When the hosts file was read last.', () => {
      return state().hosts?.readAt
    }),
    measured('gauge', 'kubehop_dns_in_flight', 'Questions that wait for an answer.', () => state().inFlight.count),
    measured('gauge', 'kubehop_dns_tcp_connections', 'Open TCP connections.', () => state().connections.size),
    measured(
      'counter',
      'kubehop_dns_tcp_connections_ended_total',
      'TCP connections that were ended because there were too many.',
      () => state().connections.ended,
    ),
  ]
}

function enabled(config: DnsConfig): HandlerName[] {
  const on: Record<HandlerName, boolean> = {
    autopath: config.autopath,
    cluster: true,
    reverse: true,
    hosts: config.hosts !== undefined,
    stub: config.stub.length > 0,
    forward: config.forward !== undefined,
  }
  return (Object.keys(on) as HandlerName[]).filter((name) => on[name])
}

const hashes = new WeakMap<DnsConfig, string>()
function hashOf(config: DnsConfig): string {
  const known = hashes.get(config) ?? createHash('sha512').update(JSON.stringify(config, spelled)).digest('hex')
  hashes.set(config, known)
  return known
}

/** Ranges of addresses are bigints inside. */
function spelled(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
