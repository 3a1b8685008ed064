import type { Family } from '../../base/address.ts'
import type { CtKey } from '../../kernel/nftables/expr/ct.ts'
import { portUnreachable } from '../../kernel/nftables/expr/reject.ts'
import type { FieldType } from '../../kernel/nftables/set.ts'
import type { Table } from '../../kernel/nftables/table.ts'

/** What differs between the tables of IPv4 and IPv6. Everything else is the same, in tables of the same name. */
export interface FamilyFacts {
  readonly family: Family
  readonly table: Table
  readonly address: FieldType
  /** Registers that an address takes. */
  readonly words: 1 | 4
  /** Where the addresses stand in the header (RFC 791, RFC 8200). */
  readonly source: number
  readonly destination: number
  readonly originalDestination: CtKey
  readonly portUnreachable: number
}

const comment = 'Kubernetes services'

export const families: Readonly<Record<Family, FamilyFacts>> = {
  4: {
    family: 4,
    table: { family: 'ip', name: 'kubehop', comment },
    address: 'ipv4_addr',
    words: 1,
    source: 12,
    destination: 16,
    originalDestination: 'dst-ip',
    portUnreachable,
  },
  6: {
    family: 6,
    table: { family: 'ip6', name: 'kubehop', comment },
    address: 'ipv6_addr',
    words: 4,
    source: 8,
    destination: 24,
    originalDestination: 'dst-ip6',
    // RFC 4443
    portUnreachable: 4,
  },
}
