import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { type Applied, apply, settledGeneration } from './apply.ts'
import type { Element } from './element.ts'
import type { Generation } from './generation.ts'
import type { Packed } from './packed.ts'
import { readElementList, readRules, readRuleset, readTables } from './read.ts'
import { readElementsSlowly } from './read-slowly.ts'
import type { PlacedRule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'
import type { Table } from './table.ts'
import type { Transaction } from './transaction.ts'

export { type Applied, isChanged } from './apply.ts'

/** A hundred thousand services of three endpoints are 30 MB in one batch; the buffer is a limit, not memory taken. */
const bufferSize = 256 * 1024 * 1024

/** A socket to nf_tables of one network namespace. Everything on it is synchronous, unless its type says otherwise. */
export interface Nftables extends Disposable {
  /**
   * Does the whole transaction or none of it; throws a NetlinkError naming the operation that the kernel refused. With `generation`, the
   * last one that the caller knows of, it is refused (`Changed`, see {@link isChanged}) when anybody has changed anything in nf_tables since.
   */
  apply(transaction: Transaction, generation?: number): Applied
  /** Which tables there are. */
  tables(): Table[]
  /** A whole table as the kernel has it, rules with their handles; undefined when there is no such table. */
  read(table: Table): Ruleset | undefined
  /** The same without what its sets hold. */
  readRules(table: Table): Ruleset | undefined
  /** Some elements of a set, with counters, a few in each turn of the event loop; see {@link readElementsSlowly}. */
  readElementsSlowly(
    table: Table,
    set: string,
    keys: Iterable<Packed>,
    options?: { atOnce?: number },
  ): AsyncGenerator<Element[], void>
  /** What a set holds, with comments. */
  elements(table: Table, set: string): Element[]
  /** The rules of a table in order, with their handles. */
  rules(table: Table): PlacedRule[]
  /** Bytes that one batch may have. */
  readonly sendLimit: number
  /** Changes with every transaction in the namespace. All of them up to this one are in force, and have been told to who listens. */
  generation(): Generation
  /** By which {@link watchTable} tells own changes from others'. */
  readonly port: number
  close(): void
  /** For a socket that owns a table; see {@link closeElsewhere}. */
  closeElsewhere(): Promise<void>
}

export function openNftables(ns?: Netns, options: { buffer?: number } = {}): Nftables {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns, buffer: options.buffer ?? bufferSize })
  const { sendLimit } = socket
  return {
    apply: (transaction, generation) => apply(socket, transaction, sendLimit, generation),
    tables: () => readTables(socket),
    read: (table) => readRuleset(socket, table),
    readRules: (table) => readRuleset(socket, table, false),
    readElementsSlowly: (table, set, keys, { atOnce } = {}) => readElementsSlowly(socket, table, set, keys, atOnce),
    elements: (table, set) => readElementList(socket, table, set),
    rules: (table) => readRules(socket, table),
    sendLimit,
    port: socket.port,
    generation: () => settledGeneration(socket),
    close: () => socket.close(),
    closeElsewhere: () => socket.closeElsewhere(),
    [Symbol.dispose]: () => socket.close(),
  }
}
