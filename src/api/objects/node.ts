import type { Condition, KubeObject } from './meta.ts'

export interface Node extends KubeObject {
  kind: 'Node'
  spec?: {
    podCIDR?: string
    podCIDRs?: string[]
    unschedulable?: boolean
    taints?: { key: string; value?: string; effect: string; timeAdded?: string }[]
    providerID?: string
  }
  status?: {
    addresses?: { type: string; address: string }[]
    conditions?: Condition[]
    capacity?: Record<string, string>
    allocatable?: Record<string, string>
    nodeInfo?: Record<string, string>
    daemonEndpoints?: { kubeletEndpoint?: { Port: number } }
  }
}

/** Whether what comes from elsewhere may be sent to this node: it is Ready, and not kept out of load balancers (KEP-1143). */
export function takesOutsideTraffic({ metadata, status }: Node): boolean {
  if (metadata.labels?.['node.kubernetes.io/exclude-from-external-load-balancers'] !== undefined) return false
  return (status?.conditions ?? []).every(({ type, status: is }) => type !== 'Ready' || is === 'True')
}
