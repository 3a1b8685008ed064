import type { Cidr } from '../../base/address.ts'

/** What addresses are for, by the cluster's settings. */
export interface Ranges {
  readonly pods: Cidr
  readonly services: Cidr
  /** The wire between machines: whoever has an address in it needs no router. */
  readonly nodes?: Cidr
}
