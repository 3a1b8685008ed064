import type { Service } from '../../api/objects/service.ts'

/**
 * The variables that tell a container about services: always `kubernetes` of namespace default, and every service of the
 * pod's own namespace unless enableServiceLinks is false (k8s.io/kubernetes/pkg/kubelet/envvars). Headless ones have none.
 */
export function serviceLinks(services: Iterable<Service>, namespace: string, enabled: boolean): Map<string, string> {
  const byName = new Map<string, Service>()
  for (const service of services) {
    const { name, namespace: home } = service.metadata
    if (!hasAddress(service)) continue
    // The API server's service wins over one of the same name in another namespace only where that one is not linked.
    if (home === 'default' && name === 'kubernetes') {
      if (!byName.has(name)) byName.set(name, service)
    } else if (home === namespace && enabled) byName.set(name, service)
  }
  const found = new Map<string, string>()
  for (const service of byName.values()) for (const [name, value] of variablesOf(service)) found.set(name, value)
  return found
}

function* variablesOf(service: Service): Generator<[string, string]> {
  const prefix = variableName(service.metadata.name)
  const host = service.spec.clusterIP ?? ''
  const authority = host.includes(':') ? `[${host}]` : host
  const ports = service.spec.ports ?? []
  yield [`${prefix}_SERVICE_HOST`, host]
  if (ports[0]) yield [`${prefix}_SERVICE_PORT`, String(ports[0].port)]
  for (const { name, port } of ports) if (name) yield [`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)]
  for (const [at, { port, protocol = 'TCP' }] of ports.entries()) {
    const proto = protocol.toLowerCase()
    const url = `${proto}://${authority}:${port}`
    const link = `${prefix}_PORT_${port}_${protocol}`
    if (at === 0) yield [`${prefix}_PORT`, url]
    yield [link, url]
    yield [`${link}_PROTO`, proto]
    yield [`${link}_PORT`, String(port)]
    yield [`${link}_ADDR`, host]
  }
}

function hasAddress(service: Service): boolean {
  const { type, clusterIP } = service.spec
  return type !== 'ExternalName' && clusterIP !== undefined && clusterIP !== '' && clusterIP !== 'None'
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}
