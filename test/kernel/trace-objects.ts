import type { Client } from '../../src/api/client/client.ts'
import type { KindName } from '../../src/api/objects/index.ts'
import type { Pod } from '../../src/api/objects/pod.ts'

/** A client over these objects, as far as a trace and a DNS server ask one. */
export function clientOver(lists: Partial<Record<KindName, unknown[]>>): Client {
  const items = (kind: KindName): unknown[] => lists[kind] ?? []
  return {
    list: async (kind: KindName) => ({ items: items(kind), resourceVersion: '1' }),
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
