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
