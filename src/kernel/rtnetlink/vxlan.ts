import { type Address, addressFromBytes } from '../../base/address.ts'
import type { Attributes } from '../netlink/reader.ts'

// IFLA_VXLAN_* (linux/if_link.h)
export const IFLA_VXLAN_ID = 1
export const IFLA_VXLAN_LINK = 3
export const IFLA_VXLAN_LOCAL = 4
export const IFLA_VXLAN_LEARNING = 7
export const IFLA_VXLAN_PORT = 15
export const IFLA_VXLAN_LOCAL6 = 17

/** What is particular to a VXLAN device. */
export interface Vxlan {
  readonly id: number
  readonly port: number
  readonly local: Address | undefined
  readonly learning: boolean
}

export function readVxlan(data: Attributes): Vxlan {
  const local = data.bytes(IFLA_VXLAN_LOCAL) ?? data.bytes(IFLA_VXLAN_LOCAL6)
  return {
    id: data.u32(IFLA_VXLAN_ID) ?? 0,
    port: data.be16(IFLA_VXLAN_PORT) ?? 0,
    local: local?.length === 4 || local?.length === 16 ? addressFromBytes(local) : undefined,
    learning: data.u8(IFLA_VXLAN_LEARNING) === 1,
  }
}
