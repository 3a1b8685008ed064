import type { AnyObject } from '../json.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import { resources } from '../resources.ts'
import type { Registry } from './registry.ts'

/** The namespaces that every cluster has, made once; they are there before anybody can ask. */
export function bootstrap(registry: Registry): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    ensure(registry, 'Namespace', { metadata: { name } })
}

/**
 * The service `kubernetes` in namespace default: how pods reach the API server. Its endpoint is the server's own address,
 * so the server, not the endpoint slice loop, writes the slice.
 */
export function publishServer(registry: Registry, service: string, address: string, port: number): void {
  const spec: Kinds['Service']['spec'] = {
    clusterIP: service,
    ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
  }
  const labels = { component: 'apiserver', provider: 'kubernetes' }
  ensure(registry, 'Service', { metadata: { name: 'kubernetes', namespace: 'default', labels }, spec })
  const slice = {
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }
  const old = registry.find(resources.EndpointSlice, 'kubernetes', 'default')
  if (old) registry.update(resources.EndpointSlice, { ...slice, apiVersion: old.apiVersion, kind: old.kind })
  else ensure(registry, 'EndpointSlice', slice)
}

function ensure(registry: Registry, kind: KindName, object: object): void {
  const { name, namespace } = (object as AnyObject).metadata
  if (registry.find(resources[kind], name, namespace) === undefined)
    registry.create(resources[kind], object as AnyObject, namespace)
}
