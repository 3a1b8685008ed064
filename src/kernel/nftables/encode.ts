import { MessageWriter } from '../netlink/writer.ts'
import { writeChain, writeChainKey } from './chain.ts'
import { type Element, type Elements, writeElements } from './element.ts'
import { beginBatch, endBatch, type NftMessage, NFT_MSG, nftType } from './message.ts'
import { writeRule, writeRulesKey } from './rule.ts'
import { writeSet, writeSetKey } from './set.ts'
import { type Table, writeTable, writeTableKey } from './table.ts'
import type { Op, Transaction } from './transaction.ts'

const NLM_F_REQUEST = 1
const NLM_F_ECHO = 8
const NLM_F_CREATE = 0x400
const NLM_F_APPEND = 0x800

/** A transaction as netlink messages. `ops[i]` tells what message number i does; the marks at both ends have none. */
export interface Batch {
  readonly writer: MessageWriter
  readonly ops: (Op | undefined)[]
}

/** Elements that are taken out and put in again go together, so many at a time, wherever a batch has to be cut. */
const replacedAtOnce = 256

/**
 * The transaction as one batch; as several, to be sent in order, when one would be longer than `limit` bytes (what the socket
 * takes at once). Each of several is a transaction for the kernel. `generation` is asked as each begins: the last transaction before it,
 * see {@link beginBatch}. The kernel is then asked to tell the number of each.
 */
export function* encode(
  transaction: Transaction,
  limit: number = Number.POSITIVE_INFINITY,
  generation?: () => number,
): Generator<Batch> {
  let batch = begin(generation?.())
  for (const step of steps(transaction)) {
    scratch.clear()
    step.write(scratch)
    if (batch.writer.length + scratch.length + markSize > limit && batch.ops.length > 1) {
      yield end(batch)
      batch = begin(generation?.())
    }
    if (generation && batch.ops.length === 1) askGeneration(batch, transaction.table, step.op, scratch)
    for (let i = 0; i < scratch.count; i++) batch.ops.push(step.op)
    batch.writer.append(scratch)
  }
  if (batch.ops.length > 1) yield end(batch)
}

/** NFNL_MSG_BATCH_END: struct nlmsghdr and struct nfgenmsg. */
const markSize = 20
/** Holds one step at a time, and nothing while somebody else runs. Making one for every transaction would cost more than most of them. */
const scratch = new MessageWriter(1 << 16)

function begin(generation: number | undefined): Batch {
  const writer = new MessageWriter(1 << 11)
  beginBatch(writer, generation)
  return { writer, ops: [undefined] }
}

/**
 * The kernel tells the number of a transaction to whom its first message asked for an echo. It would echo what that message did too, and
 * elements may be many: before them goes a message that adds none.
 */
function askGeneration(batch: Batch, table: Table, op: Op, first: MessageWriter): void {
  if (!('elements' in op)) return first.addFlags(NLM_F_ECHO)
  one(batch.writer, table, op.set, none, NFT_MSG.NEWSETELEM, NLM_F_CREATE | NLM_F_ECHO)
  batch.ops.push(op)
}

function end(batch: Batch): Batch {
  endBatch(batch.writer)
  batch.ops.push(undefined)
  return batch
}

/** Parts of operations that must not be torn apart. */
interface Step {
  readonly op: Op
  write(writer: MessageWriter): void
}

function* steps({ table, ops }: Transaction): Generator<Step> {
  let setId = 0
  for (let next = 0; next < ops.length; ) {
    const op = ops[next++] as Op
    switch (op.op) {
      case 'add elements':
        yield* inChunks(op, table, NFT_MSG.NEWSETELEM, NLM_F_CREATE)
        break
      case 'delete elements':
        yield* inChunks(op, table, NFT_MSG.DELSETELEM, 0)
        break
      case 'replace elements':
        for (let at = 0; at < op.elements.length; at += replacedAtOnce) {
          const elements = op.elements.slice(at, at + replacedAtOnce)
          const keys = elements.map(({ key }) => ({ key }))
          yield {
            op,
            write(w) {
              all(w, table, op.set, keys, NFT_MSG.DELSETELEM, 0)
              all(w, table, op.set, elements, NFT_MSG.NEWSETELEM, NLM_F_CREATE)
            },
          }
        }
        break
      case 'flush chain': {
        // A chain without its rules lets through what it is there to stop.
        const rules: Op[] = []
        for (let rule = ops[next]; rule?.op === 'add rule' && rule.chain === op.chain; rule = ops[++next])
          rules.push(rule)
        yield {
          op,
          write(w) {
            for (const each of [op, ...rules]) writeOp(w, table, each as Exclude<Op, ElementOp>, 0)
          },
        }
        break
      }
      default: {
        const id = op.op === 'add set' ? ++setId : 0
        yield { op, write: (w) => writeOp(w, table, op, id) }
      }
    }
  }
}

type ElementOp = Extract<Op, { elements: Elements }>

function* inChunks(op: ElementOp, table: Table, message: NftMessage, flags: number): Generator<Step> {
  const elements = op.elements[Symbol.iterator]()
  for (const left = { count: op.elements.length }; left.count > 0; )
    yield {
      op,
      write(w) {
        left.count -= one(w, table, op.set, elements, message, flags)
      },
    }
}

function all(
  writer: MessageWriter,
  table: Table,
  set: string,
  elements: readonly Element[],
  message: NftMessage,
  flags: number,
): void {
  const next = elements.values()
  for (let left = elements.length; left > 0; ) left -= one(writer, table, set, next, message, flags)
}

const none: Iterator<Element> = [].values()

/** One message of the next elements, as many as fit; returns how many. */
function one(
  writer: MessageWriter,
  table: Table,
  set: string,
  elements: Iterator<Element>,
  message: NftMessage,
  flags: number,
): number {
  const at = writer.start(nftType(message), NLM_F_REQUEST | flags)
  const written = writeElements(writer, table, set, elements)
  writer.end(at)
  return written
}

function writeOp(writer: MessageWriter, table: Table, op: Exclude<Op, ElementOp>, setId: number): void {
  const message = (type: NftMessage, flags: number, body: (w: MessageWriter) => void): void => {
    writer.message(nftType(type), NLM_F_REQUEST | flags, body)
  }
  switch (op.op) {
    case 'add table':
      return message(NFT_MSG.NEWTABLE, NLM_F_CREATE, (w) => writeTable(w, table))
    case 'delete table':
      return message(NFT_MSG.DELTABLE, 0, (w) => writeTableKey(w, table))
    case 'add chain':
      return message(NFT_MSG.NEWCHAIN, NLM_F_CREATE, (w) => writeChain(w, table, op.chain))
    case 'delete chain':
      return message(NFT_MSG.DELCHAIN, 0, (w) => writeChainKey(w, table, op.chain))
    case 'flush chain':
      return message(NFT_MSG.DELRULE, 0, (w) => writeRulesKey(w, table, op.chain))
    case 'add rule':
      return message(NFT_MSG.NEWRULE, NLM_F_CREATE | NLM_F_APPEND, (w) => writeRule(w, table, op.chain, op.rule))
    case 'add set':
      return message(NFT_MSG.NEWSET, NLM_F_CREATE, (w) => writeSet(w, table, op.set, setId))
    case 'delete set':
      return message(NFT_MSG.DELSET, 0, (w) => writeSetKey(w, table, op.set))
  }
}
