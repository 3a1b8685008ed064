import type { IntOrString, KubeObject, LabelSelector } from './meta.ts'

/** networking.k8s.io/v1. */
export interface NetworkPolicy extends KubeObject {
  kind: 'NetworkPolicy'
  spec: {
    /** An empty one selects every pod of the namespace. */
    podSelector?: LabelSelector
    ingress?: { from?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[]
    egress?: { to?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[]
    policyTypes?: ('Ingress' | 'Egress')[]
  }
}

/** Either a range, or pods by their labels and those of their namespaces. */
export interface NetworkPolicyPeer {
  ipBlock?: { cidr: string; except?: string[] }
  namespaceSelector?: LabelSelector
  podSelector?: LabelSelector
}

export interface NetworkPolicyPort {
  protocol?: 'TCP' | 'UDP' | 'SCTP'
  port?: IntOrString
  /** The last of the ports that begin with `port`. */
  endPort?: number
}
