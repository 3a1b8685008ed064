import type { Attributes } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { malformed, needed } from './data.ts'
import { nameIn } from './expr/codec.ts'
import { writeHeader } from './message.ts'
import type { Table } from './table.ts'
import { commentEntry, commentIn, commentType, writeUserdata } from './userdata.ts'

const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_CHAIN_HOOK = 4
const NFTA_CHAIN_POLICY = 5
const NFTA_CHAIN_TYPE = 7
const NFTA_CHAIN_USERDATA = 12
const NFTA_HOOK_HOOKNUM = 1
const NFTA_HOOK_PRIORITY = 2

/** enum nf_inet_hooks: where on its way through the machine a packet meets a chain. */
export const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const
export type HookName = keyof typeof hooks
const policies = { drop: 0, accept: 1 } as const
export type Policy = keyof typeof policies
const types = ['filter', 'nat', 'route'] as const
export type ChainType = (typeof types)[number]

/** Makes a chain a base chain. Lower priorities come first; conntrack looks at -200, nat translates at -100 and 100. */
export interface Hook {
  readonly type: ChainType
  readonly hook: HookName
  readonly priority: number
  /** What becomes of a packet that no rule decided on. */
  readonly policy: Policy
}

/** A chain without its rules. */
export interface ChainHead {
  readonly name: string
  readonly hook?: Hook
  readonly comment?: string
}

export function writeChain(writer: MessageWriter, table: Table, chain: ChainHead): void {
  writeChainKey(writer, table, chain.name)
  const { hook, comment } = chain
  if (hook) {
    const at = writer.startNest(NFTA_CHAIN_HOOK)
    writer.be32(NFTA_HOOK_HOOKNUM, hooks[hook.hook])
    writer.be32(NFTA_HOOK_PRIORITY, hook.priority)
    writer.endNest(at)
    writer.be32(NFTA_CHAIN_POLICY, policies[hook.policy])
    writer.string(NFTA_CHAIN_TYPE, hook.type)
  }
  if (comment !== undefined)
    writer.attribute(NFTA_CHAIN_USERDATA, writeUserdata([commentEntry(commentType.chain, comment)]))
}

export function writeChainKey(writer: MessageWriter, table: Table, name: string): void {
  writeHeader(writer, table.family)
  writer.string(NFTA_CHAIN_TABLE, table.name)
  writer.string(NFTA_CHAIN_NAME, name)
}

export function readChain(attributes: Attributes): ChainHead & { table: string } {
  const comment = commentIn(attributes.bytes(NFTA_CHAIN_USERDATA), commentType.chain)
  const hook = readHook(attributes)
  return {
    table: needed(attributes.string(NFTA_CHAIN_TABLE), 'table of a chain'),
    name: needed(attributes.string(NFTA_CHAIN_NAME), 'name of a chain'),
    ...(hook ? { hook } : {}),
    ...(comment === undefined ? {} : { comment }),
  }
}

function readHook(attributes: Attributes): Hook | undefined {
  const nest = attributes.nested(NFTA_CHAIN_HOOK)
  if (!nest) return undefined
  const type = attributes.string(NFTA_CHAIN_TYPE)
  const known = types.find((candidate) => candidate === type)
  const hook = nameIn(hooks, nest.be32(NFTA_HOOK_HOOKNUM))
  if (known === undefined || hook === undefined) throw malformed(`a base chain of type ${type}`)
  return {
    type: known,
    hook,
    priority: needed(nest.be32(NFTA_HOOK_PRIORITY), 'priority of a chain') | 0,
    policy: nameIn(policies, attributes.be32(NFTA_CHAIN_POLICY)) ?? 'accept',
  }
}
