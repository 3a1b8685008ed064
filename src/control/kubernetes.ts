import { family, nth, type Address, type Cidr } from '../base/address.ts'
import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import { serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import { type Action, change } from './action.ts'
import type { Loop } from './loop.ts'
import type { View } from './view.ts'

export interface KubernetesServiceOptions {
  serviceCidr: Cidr
  apiAddress: string
  apiPort: number
}

const key = 'default/kubernetes'
const meta = { name: 'kubernetes', namespace: 'default' }

/**
 * Keeps `kubernetes.default.svc`, the name by which pods find the API server: a service at the first address of the service range,
 * and its endpoint slice, made by hand because no pod stands behind it.
 */
export function kubernetesService(options: KubernetesServiceOptions): Loop {
  const here = (change: { object: { metadata: { name: string; namespace?: string } } }): string[] =>
    change.object.metadata.name === meta.name && change.object.metadata.namespace === meta.namespace ? [key] : []
  return {
    name: 'kubernetes-service',
    wakes: {
      Service: here,
      EndpointSlice: here,
      Namespace: ({ object }) => (object.metadata.name === 'default' ? [key] : []),
    },
    desired: (_, view) => ({ actions: view.get('Namespace', 'default') ? publish(view, options) : [] }),
  }
}

function publish(view: View, options: KubernetesServiceOptions): Action[] {
  return [
    ...serviceActions(view.get('Service', key), options),
    ...sliceActions(view.get('EndpointSlice', key), options),
  ]
}

function serviceActions(found: Service | undefined, { serviceCidr, apiPort }: KubernetesServiceOptions): Action[] {
  const ports = [{ name: 'https', port: 443, protocol: 'TCP' as const, targetPort: apiPort }]
  const labels = { component: 'apiserver', provider: 'kubernetes' }
  if (found) {
    // The address cannot change: a service elsewhere is another hand's and stays as it is.
    return change(found, {
      ...found,
      metadata: { ...found.metadata, labels: { ...found.metadata.labels, ...labels } },
      spec: { ...found.spec, ports },
    })
  }
  const clusterIP = nth(serviceCidr, 1)
  return [
    {
      do: 'create',
      kind: 'Service',
      object: { metadata: { ...meta, labels }, spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports } },
    },
  ]
}

function sliceActions(found: EndpointSlice | undefined, { apiAddress, apiPort }: KubernetesServiceOptions): Action[] {
  const endpoints = [{ addresses: [apiAddress], conditions: { ready: true } }]
  const ports = [{ name: 'https', port: apiPort, protocol: 'TCP' as const }]
  const labels = { [serviceNameLabel]: meta.name }
  if (found)
    return change(found, {
      ...found,
      metadata: { ...found.metadata, labels: { ...found.metadata.labels, ...labels } },
      endpoints,
      ports,
    })
  const addressType = family(apiAddress as Address) === 4 ? 'IPv4' : 'IPv6'
  return [
    { do: 'create', kind: 'EndpointSlice', object: { metadata: { ...meta, labels }, addressType, endpoints, ports } },
  ]
}
