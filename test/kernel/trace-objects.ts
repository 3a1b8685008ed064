import type { Client } from '../../src/api/client/client.ts'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { KindName } from '../../src/api/objects/index.ts'
import type { Node } from '../../src/api/objects/node.ts'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { Service } from '../../src/api/objects/service.ts'

/** A client over these objects, as far as a trace and a DNS server ask one. */
function clientOver(lists: Partial<Record<KindName, unknown[]>>): Client {
  const items = (kind: KindName): unknown[] => lists[kind] ?? []
  return {
    list: async (kind: KindName) => ({ items: [...items(kind)], resourceVersion: '1' }),
    follow(kind: KindName, options?: { onChange?: (change: object) => void; onBatch?: () => void }) {
      for (const object of items(kind)) options?.onChange?.({ type: 'added', object })
      options?.onBatch?.()
      return { synced: Promise.resolve(), list: () => items(kind), get: () => undefined, close: () => {} }
    },
  } as unknown as Client
}

export interface PodExtra {
  readonly labels?: Record<string, string>
  readonly namespace?: string
  /** On the node's own network. */
  readonly hostNetwork?: boolean
  /** Limited, by an ifb device of its own. */
  readonly bandwidth?: boolean
  readonly hostPorts?: readonly { readonly hostPort: number; readonly containerPort: number }[]
}

/** A pod that runs and is ready. */
export function podObject(name: string, node: string, address: string, extra: PodExtra = {}): Pod {
  const { labels = {}, namespace = 'shop', hostNetwork, hostPorts } = extra
  const containers = hostPorts
    ? [{ name: 'app', ports: hostPorts.map((one) => ({ ...one, protocol: 'TCP' as const })) }]
    : []
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { nodeName: node, containers, ...(hostNetwork && { hostNetwork }) },
    status: { phase: 'Running', podIP: address, conditions: [{ type: 'Ready', status: 'True' }] },
  }
}

/** What the API would have, kept by hand. */
export class Objects {
  readonly pods: Pod[] = []
  readonly services: Service[] = []
  readonly slices: EndpointSlice[] = []
  readonly nodes: Node[] = []

  addressOf(pod: string): string {
    return this.pods.find(({ metadata }) => metadata.name === pod)?.status?.podIP ?? ''
  }

  /** A service over ready pods by name. Kernels have to be taught after the last. */
  service(
    name: string,
    clusterIP: string,
    port: number,
    targetPort: number,
    pods: string[],
    extra: Partial<Service['spec']> = {},
    namespace = 'shop',
  ): void {
    const protocol = extra.ports?.[0]?.protocol ?? 'TCP'
    this.services.push({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: {
        clusterIP,
        clusterIPs: [clusterIP],
        selector: { app: name },
        ports: [{ port, targetPort, protocol }],
        ...extra,
      },
    })
    this.slices.push({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: '', port: targetPort, protocol }],
      endpoints: pods.map((pod) => ({
        addresses: [this.addressOf(pod)],
        conditions: { ready: true },
        nodeName: this.pods.find(({ metadata }) => metadata.name === pod)?.spec.nodeName ?? '',
      })),
    })
  }

  /** Gives a service a load balancer's address. */
  balance(service: string, ip: string): void {
    const found = this.services.find(({ metadata }) => metadata.name === service)
    if (found) found.status = { loadBalancer: { ingress: [{ ip }] } }
  }

  /** The objects of this world, as far as a trace and a DNS server ask for them. */
  get client(): Client {
    const namespaces = [...new Set(['shop', ...this.services.map(({ metadata }) => metadata.namespace ?? '')])]
    const lists: Partial<Record<KindName, unknown[]>> = {
      Pod: this.pods,
      Service: this.services,
      EndpointSlice: this.slices,
      Node: this.nodes,
      Namespace: namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    }
    return clientOver(lists)
  }
}
