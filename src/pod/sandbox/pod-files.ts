import { mkdirSync, writeFileSync } from 'node:fs'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '../../api/objects/pod.ts'
import type { NodeContext } from '../context.ts'
import { hostnameOf, hostsFile, resolvConf } from './files.ts'
import type { PodPaths } from '../paths.ts'

/** Writes the pod's own hosts, hostname and resolv.conf; returns the messages of DNSConfigForming events. Containers may change them. */
export function writePodFiles(context: NodeContext, pod: Pod, address: string, paths: PodPaths): string[] {
  const { spec, metadata } = pod
  const namespace = metadata.namespace ?? 'default'
  const { hostname } = hostnameOf(pod, context.zone)
  const hostNetwork = spec.hostNetwork === true
  const { text, warnings } = resolvConf({
    policy: spec.dnsPolicy,
    namespace,
    zone: context.zone,
    clusterDns: context.clusterDns,
    nodeConf: context.nodeResolvConf,
    dnsConfig: spec.dnsConfig,
    hostNetwork,
  })
  const hosts = hostsFile({
    podIPs: [address],
    hostname,
    subdomain: spec.subdomain,
    namespace,
    zone: context.zone,
    hostAliases: spec.hostAliases,
    hostNetwork,
    ...(hostNetwork && { nodeHosts: readNodeHosts() }),
  })
  mkdirSync(paths.etc, { recursive: true, mode: 0o755 })
  const files = { 'resolv.conf': text, hosts, hostname: `${hostname}\n` }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(paths.etc, name), content, { mode: 0o644 })
  return warnings
}

function readNodeHosts(): string {
  try {
    return readFileSync('/etc/hosts', 'utf8')
  } catch {
    return '127.0.0.1\tlocalhost\n' // a machine may have none
  }
}
