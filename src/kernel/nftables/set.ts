import { isDeepStrictEqual } from 'node:util'
import type { Attributes } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { needed } from './data.ts'
import { readExpr, writeExpr } from './expr/index.ts'
import { type FieldType, fieldsLength, fieldsOf, typeNumber } from './fields.ts'
import { writeHeader } from './message.ts'
import type { Table } from './table.ts'
import { commentEntry, commentIn, commentType, type Entry, writeUserdata } from './userdata.ts'

const NFTA_SET_TABLE = 1
const NFTA_SET_NAME = 2
const NFTA_SET_FLAGS = 3
const NFTA_SET_KEY_TYPE = 4
const NFTA_SET_KEY_LEN = 5
const NFTA_SET_DATA_TYPE = 6
const NFTA_SET_DATA_LEN = 7
const NFTA_SET_DESC = 9
const NFTA_SET_DESC_SIZE = 1
const NFTA_SET_ID = 10
const NFTA_SET_TIMEOUT = 11
const NFTA_SET_USERDATA = 13
const NFTA_SET_EXPR = 17
const NFTA_SET_EXPRESSIONS = 18
const NFTA_SET_COUNT = 20
const NFT_DATA_VERDICT = 0xffffff00
/** What the kernel gives a set without a size, once a rule adds to it (nft_dynset_init). */
const dynamicSize = 0xffff

const setFlags = { constant: 0x2, interval: 0x4, map: 0x8, timeout: 0x10, dynamic: 0x20 } as const

export type { FieldType } from './fields.ts'

/** A set, or, with `data`, a map. Several fields are a concatenation: each padded to 4 bytes. */
export interface SetSpec {
  readonly name: string
  readonly key: readonly FieldType[]
  readonly data?: readonly FieldType[] | 'verdict'
  /** The packet path may add elements. */
  readonly dynamic?: true
  /** Elements may expire; milliseconds by default, 0 for those that name no time of their own. */
  readonly timeout?: bigint
  /** How many elements it takes at most; without it as many as there is memory for, or {@link maxSize} when it is dynamic. */
  readonly size?: number
  /** Counts what each element is found for, beginning with 0 when it is added. */
  readonly counter?: true
  readonly comment?: string
}

/** How many elements the packet path can bring a set to. */
export function maxSize({ size, dynamic }: SetSpec): number {
  return size ?? (dynamic ? dynamicSize : Number.POSITIVE_INFINITY)
}

/** Whether the kernel would make the same of both. */
export function sameSpec(a: SetSpec, b: SetSpec): boolean {
  return isDeepStrictEqual({ ...a, size: maxSize(a) }, { ...b, size: maxSize(b) })
}

const noCount = { kind: 'counter', packets: 0n, bytes: 0n } as const

/** `id` tells sets of one batch apart. */
export function writeSet(writer: MessageWriter, table: Table, set: SetSpec, id: number): void {
  writeSetKey(writer, table, set.name)
  writer.be32(NFTA_SET_FLAGS, flagsOf(set))
  writer.be32(NFTA_SET_KEY_TYPE, typeNumber(set.key))
  writer.be32(NFTA_SET_KEY_LEN, fieldsLength(set.key))
  if (set.data === 'verdict') writer.be32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT)
  else if (set.data) {
    writer.be32(NFTA_SET_DATA_TYPE, typeNumber(set.data))
    writer.be32(NFTA_SET_DATA_LEN, fieldsLength(set.data))
  }
  const { size } = set
  if (size !== undefined) writer.nest(NFTA_SET_DESC, (desc) => desc.be32(NFTA_SET_DESC_SIZE, size))
  if (set.counter) writeExpr(writer, NFTA_SET_EXPR, noCount)
  writer.be32(NFTA_SET_ID, id)
  if (set.timeout) writer.be64(NFTA_SET_TIMEOUT, set.timeout)
  writer.attribute(NFTA_SET_USERDATA, writeUserdata(userdataOf(set)))
}

export function writeSetKey(writer: MessageWriter, table: Table, name: string): void {
  writeHeader(writer, table.family)
  writer.string(NFTA_SET_TABLE, table.name)
  writer.string(NFTA_SET_NAME, name)
}

/** undefined for a set of a form that Kubehop never makes (intervals, anonymous sets, types it does not know). */
export function readSet(attributes: Attributes): SetSpec | undefined {
  const flags = attributes.be32(NFTA_SET_FLAGS) ?? 0
  const known = setFlags.map | setFlags.timeout | setFlags.dynamic
  const key = fieldsOf(needed(attributes.be32(NFTA_SET_KEY_TYPE), 'key type of a set'))
  const data = flags & setFlags.map ? readDataFields(attributes) : []
  if (flags & ~known || key === undefined || data === undefined) return undefined
  if (fieldsLength(key) !== attributes.be32(NFTA_SET_KEY_LEN)) return undefined
  const each = attributes.nested(NFTA_SET_EXPR)
  const counts = each !== undefined && readExpr(each).kind === 'counter'
  if ((each && !counts) || attributes.has(NFTA_SET_EXPRESSIONS)) return undefined
  const comment = commentIn(attributes.bytes(NFTA_SET_USERDATA), commentType.set)
  const timeout = attributes.be64(NFTA_SET_TIMEOUT)
  // Whether it was asked for, or is what the kernel gives, cannot be told.
  const size = attributes.nested(NFTA_SET_DESC)?.be32(NFTA_SET_DESC_SIZE)
  const ownSize = size !== undefined && !(flags & setFlags.dynamic && size === dynamicSize)
  return {
    name: needed(attributes.string(NFTA_SET_NAME), 'name of a set'),
    key,
    ...(flags & setFlags.map ? { data } : {}),
    ...(flags & setFlags.dynamic ? { dynamic: true as const } : {}),
    ...(flags & setFlags.timeout ? { timeout: timeout ?? 0n } : {}),
    ...(ownSize ? { size } : {}),
    ...(counts ? { counter: true as const } : {}),
    ...(comment === undefined ? {} : { comment }),
  }
}

/** How many elements the set has, from kernels that say so (Linux 6.16). */
export function readSetSize(attributes: Attributes): number | undefined {
  return attributes.be32(NFTA_SET_COUNT)
}

function readDataFields(attributes: Attributes): SetSpec['data'] | undefined {
  const type = attributes.be32(NFTA_SET_DATA_TYPE) ?? 0
  if (type === NFT_DATA_VERDICT) return 'verdict'
  const fields = fieldsOf(type)
  return fields && fieldsLength(fields) === attributes.be32(NFTA_SET_DATA_LEN) ? fields : undefined
}

function flagsOf(set: SetSpec): number {
  let flags = 0
  if (set.data) flags |= setFlags.map
  if (set.timeout !== undefined) flags |= setFlags.timeout
  if (set.dynamic) flags |= setFlags.dynamic
  return flags
}

// nft prints numbers in the order of bytes that these entries name (NFTNL_UDATA_SET_KEYBYTEORDER, _DATABYTEORDER).
function userdataOf(set: SetSpec): Entry[] {
  const order = (type: number, fields: readonly FieldType[]): Entry[] => {
    const host = fields.every((field) => field === 'mark' || field === 'integer')
    return [{ type, value: Uint8Array.of(host ? 1 : 2, 0, 0, 0) }]
  }
  const entries = order(0, set.key)
  if (set.data && set.data !== 'verdict') entries.push(...order(1, set.data))
  if (set.comment !== undefined) entries.push(commentEntry(commentType.set, set.comment))
  return entries
}
