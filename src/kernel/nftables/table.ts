import type { Attributes } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { needed } from './data.ts'
import { type TableFamily, writeHeader } from './message.ts'

export type { TableFamily } from './message.ts'
import { commentEntry, commentIn, commentType, writeUserdata } from './userdata.ts'

const NFTA_TABLE_NAME = 1
const NFTA_TABLE_FLAGS = 2
const NFTA_TABLE_USERDATA = 6
const NFT_TABLE_F_OWNER = 2

/** A table: the name under which everything else of one owner lives. */
export interface Table {
  readonly family: TableFamily
  readonly name: string
  readonly comment?: string
  /** It goes when the socket that made it closes, and nobody else can change it (Linux 5.12). */
  readonly owned?: boolean
}

export function writeTable(writer: MessageWriter, table: Table): void {
  writeHeader(writer, table.family)
  writer.string(NFTA_TABLE_NAME, table.name)
  if (table.owned) writer.be32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER)
  if (table.comment !== undefined)
    writer.attribute(NFTA_TABLE_USERDATA, writeUserdata([commentEntry(commentType.table, table.comment)]))
}

/** Names a table, for deletions and questions. */
export function writeTableKey(writer: MessageWriter, table: Table): void {
  writeHeader(writer, table.family)
  writer.string(NFTA_TABLE_NAME, table.name)
}

export function readTable(attributes: Attributes, family: TableFamily): Table {
  const comment = commentIn(attributes.bytes(NFTA_TABLE_USERDATA), commentType.table)
  return {
    family,
    name: needed(attributes.string(NFTA_TABLE_NAME), 'name of a table'),
    ...(comment === undefined ? {} : { comment }),
  }
}
