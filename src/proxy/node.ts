import type { Address, Cidr } from '../base/address.ts'

/** The node for which the rules of one address family are made: all ranges and addresses are of that family. */
export interface NodeFacts {
  readonly name: string
  /** Label topology.kubernetes.io/zone. */
  readonly zone?: string
  /** All pods of the cluster. */
  readonly podCidr: Cidr
  readonly serviceCidr: Cidr
  /** This node's own part of it, where the cluster gives every node one (Node.spec.podCIDRs). */
  readonly ownPodCidr?: Cidr
  /** Addresses of this node that answer node ports. */
  readonly nodePortAddresses: readonly Address[]
  /** All addresses of this node. */
  readonly addresses: readonly Address[]
  /** Masquerades whoever speaks to a cluster IP, pods too. */
  readonly masqueradeAll?: boolean
  /** Counts connections, packets and bytes of each address and port of a service. */
  readonly counters?: boolean
}
