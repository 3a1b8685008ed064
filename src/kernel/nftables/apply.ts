import { KubehopError } from '../../base/errors.ts'
import { EAGAIN, errnoOf, KernelError } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import type { NetlinkSocket } from '../netlink/socket.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { type Batch, encode } from './encode.ts'
import { type Generation, readGeneration, toldGeneration } from './generation.ts'
import { beginBatch, endBatch, NFT_MSG, nftType, readHeader, writeHeader } from './message.ts'
import type { Table } from './table.ts'
import type { Op, Transaction } from './transaction.ts'

const ENOENT = errnoOf('ENOENT')
const ERESTART = errnoOf('ERESTART')
const settleAttempts = 1000

export interface Applied {
  /** Netlink messages, without the marks of the batch. 0: nothing was to do, and nothing was sent. */
  readonly messages: number
  readonly bytes: number
  /**
   * What the kernel counts as the last transaction now, as far as this one is concerned: what others have done since is not in it. A
   * transaction that changed nothing is not counted. undefined where the one before was not given.
   */
  readonly generation?: number
  /** More than 1 when the socket could not take all at once (an ordinary user's is limited by net.core.wmem_max). */
  readonly batches: number
}

export function apply(socket: NetlinkSocket, transaction: Transaction, sendLimit: number, before?: number): Applied {
  let [messages, bytes, batches] = [0, 0, 0]
  let generation = before
  const expected = before === undefined ? undefined : () => generation as number
  for (const batch of encode(transaction, sendLimit, expected)) {
    const reply = socket.batch('change nf_tables', batch.writer)
    const [first] = reply.errors
    if (first) throw refusal(transaction.table, batch, first, batches)
    // Asked for afterwards, it might be another's. A batch that changes nothing gets none, so counting along goes wrong.
    if (generation !== undefined) generation = toldGeneration(reply.messages) ?? generation
    messages += batch.writer.count - 2
    bytes += batch.writer.length
    batches++
  }
  return { messages, bytes, batches, ...(generation === undefined ? {} : { generation }) }
}

/** Whether a transaction was refused because somebody was first. Nothing of it was done. */
export function isChanged(error: unknown): boolean {
  return error instanceof KubehopError && error.code === 'Changed'
}

/** The last transaction, and whoever listens has been told of it and of all before. */
export function settledGeneration(socket: NetlinkSocket): Generation {
  const op = 'read the generation'
  for (let attempt = 0; attempt < settleAttempts; attempt++) {
    const [message] = socket.request(op, nftType(NFT_MSG.GETGEN), 0, (w) => writeHeader(w, 'any'))
    if (!message) throw new NetlinkError(op, ENOENT)
    const generation = readGeneration(readHeader(message).attributes)
    // A transaction counts before its changes are in force and told; an empty one waits until they are.
    const fence = new MessageWriter(64)
    beginBatch(fence, generation.id)
    endBatch(fence)
    const [error] = socket.batch(op, fence).errors
    if (!error) return generation
    if (error.ack.errno !== ERESTART) throw new NetlinkError(op, error.ack.errno, error.ack.say)
  }
  throw new KernelError(op, EAGAIN, 'nf_tables never held still: try again')
}

function refusal(
  table: Table,
  batch: Batch,
  { index, ack: { errno, say } }: { readonly index: number; readonly ack: { errno: number; say: string | undefined } },
  before: number,
): KubehopError {
  // An error that arises only when all is put into force names the first message.
  const op = batch.ops[index]
  const what = `change table ${table.family} ${table.name}: ${op ? describe(op) : 'commit'}`
  if (before > 0)
    return new NetlinkError(
      what,
      errno,
      `${say ? `${say}; ` : ''}parts of the change are in force: read the table again`,
    )
  if (errno === ERESTART)
    return new KubehopError('kernel', what, 'Changed', 'somebody else has changed nf_tables: read the table again')
  return new NetlinkError(what, errno, say)
}

function describe(op: Op): string {
  if ('chain' in op) return `${op.op} ${typeof op.chain === 'string' ? op.chain : op.chain.name}`
  if ('set' in op) return `${op.op} ${typeof op.set === 'string' ? op.set : op.set.name}`
  return op.op
}
