import type { Address } from '../../base/address.ts'
import type { HookName } from '../../kernel/nftables/chain.ts'
import { ctStatus } from '../../kernel/nftables/expr/ct.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import type { Passage } from '../../kernel/nftables/walk.ts'

/** What all rules of a machine make of a packet in one hook. */
export interface Met {
  readonly fate: Passage['fate']
  readonly packet: Packet
  /** Whose rule decided, where one did. */
  readonly by?: Decider
  /** Whose rule translated it, where one did: another's may be against what that made of it. */
  readonly translatedBy?: Decider
  /** Out of how many endpoints one was drawn. */
  readonly of: number
  readonly masquerade: boolean
}

export type Decider =
  | { readonly kind: 'services'; readonly rule?: string }
  | { readonly kind: 'host port'; readonly pod: string }
  | { readonly kind: 'table'; readonly table: string; readonly chain: string; readonly rule?: string }

/** What is translated once is not translated again. */
export function masqueraded(packet: Packet, sender: Address | undefined): Packet {
  const status = (packet.status ?? 0) | ctStatus.snat
  return { ...packet, status, ...(sender !== undefined && { source: sender, sourcePort: 0 }) }
}

/** Destinations are translated here; senders in the other hooks. */
export function isEarly(hook: HookName): boolean {
  return hook === 'prerouting' || hook === 'output'
}
