import { EAGAIN, errnoOf, KernelError } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { readChain } from './chain.ts'
import { readElements, writeElementsKey } from './element.ts'
import { type Batch, encode } from './encode.ts'
import { type Generation, nextGeneration, readGeneration } from './generation.ts'
import { NFT_MSG, nftType, readHeader, writeHeader } from './message.ts'
import type { Packed } from './packed.ts'
import { type PlacedRule, readRule, writeRulesKey } from './rule.ts'
import type { Chain, Datum, NamedSet, Ruleset } from './ruleset.ts'
import { readSet, readSetSize, type SetSpec } from './set.ts'
import { readTable, type Table, writeTableKey } from './table.ts'
import type { Op, Transaction } from './transaction.ts'
import { KubehopError } from '../../base/errors.ts'

const ENOENT = errnoOf('ENOENT')
const ERESTART = errnoOf('ERESTART')
/** A hundred thousand services of three endpoints are 30 MB in one batch; the buffer is a limit, not memory taken. */
const bufferSize = 256 * 1024 * 1024

/** A socket to nf_tables of one network namespace. Everything on it is synchronous. */
export interface Nftables extends Disposable {
  /**
   * Does the whole transaction or none of it; throws a NetlinkError naming the operation that the kernel refused. With `generation`, the
   * last one that the caller knows of, it is refused with {@link isChanged} when anybody has changed anything in nf_tables since.
   */
  apply(transaction: Transaction, generation?: number): Applied
  /** A whole table as the kernel has it, rules with their handles; undefined when there is no such table. */
  read(table: Table): Ruleset | undefined
  /** The rules of a table in order, with their handles. */
  rules(table: Table): PlacedRule[]
  /** Bytes that one batch may have. */
  readonly sendLimit: number
  /** Changes with every transaction in the namespace. */
  generation(): Generation
  /** By which {@link watchTable} tells own changes from others'. */
  readonly port: number
  close(): void
  /** For a socket that owns a table; see {@link closeElsewhere}. */
  closeElsewhere(): Promise<void>
}

export interface Applied {
  /** Netlink messages, without the marks of the batch. 0: nothing was to do, and nothing was sent. */
  readonly messages: number
  readonly bytes: number
  /** The number of the last of its transactions; undefined where the one before is not known. */
  readonly generation?: number
  /** More than 1 when the socket could not take all at once (an ordinary user's is limited by net.core.wmem_max). */
  readonly batches: number
}

export function openNftables(ns?: Netns, options: { buffer?: number } = {}): Nftables {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns, buffer: options.buffer ?? bufferSize })
  const { sendLimit } = socket
  const rules = (table: Table): PlacedRule[] =>
    socket
      .dump(
        `list rules of ${table.name}`,
        nftType(NFT_MSG.GETRULE),
        (w) => writeRulesKey(w, table),
        (message) => readRule(readHeader(message).attributes),
      )
      .filter((rule) => rule.table === table.name)
  return {
    apply: (transaction, generation) => apply(socket, transaction, sendLimit, generation),
    read: (table) => read(socket, table, rules),
    rules,
    sendLimit,
    port: socket.port,
    generation() {
      const [message] = socket.request('read the generation', nftType(NFT_MSG.GETGEN), 0, (w) => writeHeader(w, 'any'))
      if (!message) throw new NetlinkError('read the generation', ENOENT)
      return readGeneration(readHeader(message).attributes)
    },
    close: () => socket.close(),
    closeElsewhere: () => socket.closeElsewhere(),
    [Symbol.dispose]: () => socket.close(),
  }
}

/** Whether a transaction was refused because somebody was first. */
export function isChanged(error: unknown): boolean {
  return error instanceof NetlinkError && error.errno === ERESTART
}

function apply(socket: NetlinkSocket, transaction: Transaction, sendLimit: number, before?: number): Applied {
  let [messages, bytes, batches] = [0, 0, 0]
  let generation = before
  for (const batch of encode(transaction, sendLimit, before)) {
    const { errors } = socket.batch('change nf_tables', batch.writer)
    const [first] = errors
    if (first) throw new NetlinkError(describe(transaction.table, batch, first.index), first.ack.errno, first.ack.say)
    messages += batch.writer.count - 2
    bytes += batch.writer.length
    batches++
    // Not asked for: by now somebody else may have made the next one.
    if (generation !== undefined) generation = nextGeneration(generation)
  }
  return { messages, bytes, batches, ...(generation === undefined ? {} : { generation }) }
}

function read(socket: NetlinkSocket, table: Table, rules: (table: Table) => PlacedRule[]): Ruleset | undefined {
  const found = readTableHead(socket, table)
  if (!found) return undefined
  try {
    const chains = new Map<string, Chain & { rules: PlacedRule[] }>()
    const type = nftType(NFT_MSG.GETCHAIN)
    const heads = socket.dump(
      'list chains',
      type,
      (w) => writeHeader(w, table.family),
      (message) => {
        const { family, attributes } = readHeader(message)
        // A dump of chains cannot be narrowed to a table.
        return family === table.family ? attributes : undefined
      },
    )
    for (const attributes of heads) {
      if (attributes.string(1) !== table.name) continue
      const { table: _, ...head } = readChain(attributes)
      chains.set(head.name, { ...head, rules: [] })
    }
    for (const rule of rules(table)) chains.get(rule.chain)?.rules.push(rule)
    const sets = readSets(socket, table)
    return sets ? { table: found, chains, sets } : foreign(found)
  } catch (error) {
    if (error instanceof KubehopError && error.code === 'Malformed') return foreign(found)
    throw error
  }
}

function foreign(table: Table): Ruleset {
  return { table, chains: new Map(), sets: new Map(), foreign: true }
}

function readTableHead(socket: NetlinkSocket, table: Table): Table | undefined {
  try {
    const [message] = socket.request('read a table', nftType(NFT_MSG.GETTABLE), 0, (w) => writeTableKey(w, table))
    return message && readTable(readHeader(message).attributes, table.family)
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === ENOENT) return undefined
    throw error
  }
}

/** undefined when one of them is of a form that Kubehop never makes. */
function readSets(socket: NetlinkSocket, table: Table): Map<string, NamedSet> | undefined {
  const found = socket.dump(
    'list sets',
    nftType(NFT_MSG.GETSET),
    (w) => writeTableKey(w, table),
    (message) => {
      const { attributes } = readHeader(message)
      return { spec: readSet(attributes), size: readSetSize(attributes) }
    },
  )
  const sets = new Map<string, NamedSet>()
  for (const { spec, size } of found) {
    if (spec === undefined) return undefined
    sets.set(spec.name, { spec, elements: readAll(socket, table, spec, size) })
  }
  return sets
}

/**
 * A set that has just grown much is still being rehashed, and a dump then leaves elements out without a word. So their number is
 * compared: with what the kernel says, or, where it does not, with that of another dump.
 */
function readAll(socket: NetlinkSocket, table: Table, spec: SetSpec, size: number | undefined): Map<Packed, Datum> {
  let expected = size
  for (let attempt = 0; attempt < readAttempts; attempt++) {
    const elements = readOnce(socket, table, spec.name)
    // The packet path changes a dynamic set all the time.
    if (spec.dynamic || elements.size === expected) return elements
    if (size === undefined) expected = elements.size
  }
  throw new KernelError(`list elements of ${spec.name}`, EAGAIN, 'the set never held still: try again')
}

const readAttempts = 50

function readOnce(socket: NetlinkSocket, table: Table, set: string): Map<Packed, Datum> {
  const elements = new Map<Packed, Datum>()
  socket.dump(
    `list elements of ${set}`,
    nftType(NFT_MSG.GETSETELEM),
    (w) => writeElementsKey(w, table, set),
    (message) => readElements(readHeader(message).attributes, ({ key, data }) => elements.set(key, data ?? null)),
  )
  return elements
}

function describe(table: Table, batch: Batch, index: number): string {
  // An error that arises only when all is put into force names the first message.
  const op = batch.ops[index]
  return `change table ${table.family} ${table.name}: ${op ? describeOp(op) : 'commit'}`
}

function describeOp(op: Op): string {
  if ('chain' in op) return `${op.op} ${typeof op.chain === 'string' ? op.chain : op.chain.name}`
  if ('set' in op) return `${op.op} ${typeof op.set === 'string' ? op.set : op.set.name}`
  return op.op
}
