import type { Attributes, Message } from '../netlink/reader.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { whenReadable } from '../reactor.ts'
import { needed, readVerdict, type Verdict } from './data.ts'
import { nameIn } from './expr/codec.ts'
import { NFT_MSG, nftMessageOf, readHeader, type TableFamily } from './message.ts'

const NFNLGRP_NFTRACE = 9
const NFTA_TRACE = {
  TABLE: 1,
  CHAIN: 2,
  RULE_HANDLE: 3,
  TYPE: 4,
  VERDICT: 5,
  ID: 6,
  LL_HEADER: 7,
  NETWORK_HEADER: 8,
  TRANSPORT_HEADER: 9,
  IIF: 10,
  OIF: 12,
  MARK: 14,
  POLICY: 16,
  CT_ID: 18,
  CT_DIRECTION: 19,
  CT_STATUS: 20,
  CT_STATE: 21,
} as const
const traceTypes = { policy: 1, return: 2, rule: 3 } as const
const verdictAttribute = 1 // NFTA_VERDICT_CODE
/** What a chain can do with a packet beside the verdicts that a rule can name. */
const taken: Readonly<Record<number, 'stolen' | 'queue' | 'repeat'>> = { 2: 'stolen', 3: 'queue', 4: 'repeat' }

/** One step of a packet on which `meta nftrace set 1` was done. Steps of one packet in one hook share `id`. */
export interface TraceEvent {
  /** Unique to the packet in this namespace for as long as it matters: the kernel makes it from the packet's address and bytes. */
  readonly id: number
  /** A rule that gave a verdict; a chain that was left by its end or by `return`; the policy of a base chain. */
  readonly type: keyof typeof traceTypes
  /** The table's: of an inet table's packets `inet`. */
  readonly family: TableFamily
  readonly table: string
  readonly chain: string
  /** Of the rule. A `rule` without a handle is the end of the chain: no rule of it decided. */
  readonly handle?: bigint
  readonly verdict?: Verdict | { readonly verdict: 'stolen' | 'queue' | 'repeat' }
  /** The base chain's policy; for `policy` only. */
  readonly policy?: 'accept' | 'drop'
  /** Device numbers. */
  readonly iif?: number
  readonly oif?: number
  readonly mark?: number
  /** The packet's headers, sent by the kernel with the first step in each hook only. */
  readonly link?: Uint8Array
  readonly network?: Uint8Array
  readonly transport?: Uint8Array
  /** Of the packet's connection (Linux 6.14): its id, the packet's direction, and bits of ct status and ct state. */
  readonly ct?: {
    readonly id: number
    readonly direction: 'original' | 'reply'
    readonly status: number
    readonly state: number
  }
}

/**
 * Listens for traces in a namespace. `onLost` says that the kernel had to drop some: what was heard then has gaps.
 * Events come in the order in which they happened on each CPU. Returns what ends it.
 */
export function watchTraces(
  ns: Netns | undefined,
  onEvent: (event: TraceEvent) => void,
  onLost: () => void,
): () => void {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns, groups: [NFNLGRP_NFTRACE] })
  const stop = whenReadable(socket.fd, () => {
    const { messages, lost } = socket.receive()
    for (const message of messages) {
      const event = readTrace(message)
      if (event) onEvent(event)
    }
    if (lost) onLost()
  })
  return () => {
    stop()
    socket.close()
  }
}

/** undefined for a message that is no trace. */
export function readTrace(message: Message): TraceEvent | undefined {
  if (nftMessageOf(message) !== NFT_MSG.TRACE) return undefined
  const { family, attributes } = readHeader(message)
  const handle = attributes.be64(NFTA_TRACE.RULE_HANDLE)
  const verdict = verdictOf(attributes)
  const policy = attributes.be32(NFTA_TRACE.POLICY)
  return {
    id: needed(attributes.be32(NFTA_TRACE.ID), 'id of a trace'),
    type: needed(nameIn(traceTypes, attributes.be32(NFTA_TRACE.TYPE)), 'type of a trace'),
    family: needed(family, 'family of a trace'),
    table: needed(attributes.string(NFTA_TRACE.TABLE), 'table of a trace'),
    chain: needed(attributes.string(NFTA_TRACE.CHAIN), 'chain of a trace'),
    ...(handle === undefined ? {} : { handle }),
    ...(verdict ? { verdict } : {}),
    ...(policy === undefined ? {} : { policy: policy === 0 ? ('drop' as const) : ('accept' as const) }),
    ...present('iif', attributes.be32(NFTA_TRACE.IIF)),
    ...present('oif', attributes.be32(NFTA_TRACE.OIF)),
    ...present('mark', attributes.be32(NFTA_TRACE.MARK)),
    ...present('link', attributes.bytes(NFTA_TRACE.LL_HEADER)),
    ...present('network', attributes.bytes(NFTA_TRACE.NETWORK_HEADER)),
    ...present('transport', attributes.bytes(NFTA_TRACE.TRANSPORT_HEADER)),
    ...present('ct', ctOf(attributes)),
  }
}

function verdictOf(attributes: Attributes): TraceEvent['verdict'] {
  const code = attributes.nested(NFTA_TRACE.VERDICT)?.be32(verdictAttribute)
  // NF_QUEUE carries the queue's number in its upper half.
  const verdict = code === undefined || (code | 0) < 0 ? undefined : taken[code & 0xffff]
  return verdict ? { verdict } : readVerdict(attributes, NFTA_TRACE.VERDICT)
}

function ctOf(attributes: Attributes): TraceEvent['ct'] {
  const id = attributes.be32(NFTA_TRACE.CT_ID)
  if (id === undefined) return undefined
  return {
    id,
    direction: attributes.u8(NFTA_TRACE.CT_DIRECTION) === 1 ? 'reply' : 'original',
    status: attributes.be32(NFTA_TRACE.CT_STATUS) ?? 0,
    state: attributes.be32(NFTA_TRACE.CT_STATE) ?? 0,
  }
}

function present<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T }
}
