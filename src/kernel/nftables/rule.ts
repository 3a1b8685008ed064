import type { Attributes } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { needed } from './data.ts'
import { type Expr, type Foreign, readExprs, writeExprs } from './expr/index.ts'
import { writeHeader } from './message.ts'
import type { Table } from './table.ts'
import { commentEntry, commentIn, commentType, writeUserdata } from './userdata.ts'

const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_RULE_HANDLE = 3
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_RULE_USERDATA = 7

/** Expressions that are worked off in order until one of them ends the rule. */
export interface Rule {
  readonly exprs: readonly (Expr | Foreign)[]
  /** What the rule means, for people: at most 127 bytes. */
  readonly comment?: string
}

/** A rule as the kernel has it. */
export interface PlacedRule extends Rule {
  readonly table: string
  readonly chain: string
  /** What traces call the rule. */
  readonly handle: bigint
}

export function writeRule(writer: MessageWriter, table: Table, chain: string, rule: Rule): void {
  writeRulesKey(writer, table, chain)
  writeExprs(writer, NFTA_RULE_EXPRESSIONS, rule.exprs)
  if (rule.comment !== undefined)
    writer.attribute(NFTA_RULE_USERDATA, writeUserdata([commentEntry(commentType.rule, rule.comment)]))
}

/** Names all rules of a chain, or of a table: to delete them, to be told them. */
export function writeRulesKey(writer: MessageWriter, table: Table, chain?: string): void {
  writeHeader(writer, table.family)
  writer.string(NFTA_RULE_TABLE, table.name)
  if (chain !== undefined) writer.string(NFTA_RULE_CHAIN, chain)
}

export function readRule(attributes: Attributes): PlacedRule {
  const comment = commentIn(attributes.bytes(NFTA_RULE_USERDATA), commentType.rule)
  const list = attributes.nested(NFTA_RULE_EXPRESSIONS)
  return {
    table: needed(attributes.string(NFTA_RULE_TABLE), 'table of a rule'),
    chain: needed(attributes.string(NFTA_RULE_CHAIN), 'chain of a rule'),
    handle: needed(attributes.be64(NFTA_RULE_HANDLE), 'handle of a rule'),
    exprs: list ? readExprs(list) : [],
    ...(comment === undefined ? {} : { comment }),
  }
}
