import type { Attributes } from '../netlink/reader.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { type Data, isVerdict, malformed, needed, readData, writeData } from './data.ts'
import { readExpr } from './expr/index.ts'
import { writeHeader } from './message.ts'
import type { Packed } from './packed.ts'
import type { Table } from './table.ts'
import { commentEntry, commentIn, commentType, writeUserdata } from './userdata.ts'

const NFTA_SET_ELEM_LIST_TABLE = 1
const NFTA_SET_ELEM_LIST_SET = 2
const NFTA_SET_ELEM_LIST_ELEMENTS = 3
const NFTA_LIST_ELEM = 1
const NFTA_SET_ELEM_KEY = 1
const NFTA_SET_ELEM_DATA = 2
const NFTA_SET_ELEM_EXPIRATION = 5
const NFTA_SET_ELEM_USERDATA = 6
const NFTA_SET_ELEM_EXPR = 7

/** The list is one attribute, and an attribute's length has 16 bits: a message holds no more elements than fit. */
const maxList = 0xffff - 1024

/** An element of a set; with data, of a map. */
export interface Element {
  readonly key: Packed
  readonly data?: Data
  /** For people, or to find it again: at most 127 bytes. No part of a ruleset; `Nftables.elements` gives it. */
  readonly comment?: string
  /** Milliseconds it has left to live, where it came from the kernel and its set has timeouts. */
  readonly expires?: bigint
  /** What it was found for so far, where it came from the kernel and its set counts. */
  readonly counter?: Counts
}

export interface Counts {
  readonly packets: bigint
  readonly bytes: bigint
}

/** Elements of one set. Several hundred thousand of them need not all be there at once. */
export interface Elements extends Iterable<Element> {
  readonly length: number
}

/**
 * Writes as many of the next elements as fit into one message, and takes no more of them; returns how many. The caller goes on with the next message.
 */
export function writeElements(writer: MessageWriter, table: Table, set: string, elements: Iterator<Element>): number {
  writeElementsKey(writer, table, set)
  const list = writer.startNest(NFTA_SET_ELEM_LIST_ELEMENTS)
  let count = 0
  while (writer.length - list < maxList) {
    const next = elements.next()
    if (next.done) break
    const { key, data, comment } = next.value
    const element = writer.startNest(NFTA_LIST_ELEM)
    writeData(writer, NFTA_SET_ELEM_KEY, key)
    if (data !== undefined) writeData(writer, NFTA_SET_ELEM_DATA, data)
    if (comment !== undefined)
      writer.attribute(NFTA_SET_ELEM_USERDATA, writeUserdata([commentEntry(commentType.element, comment)]))
    writer.endNest(element)
    count++
  }
  writer.endNest(list)
  return count
}

/** Names a set whose elements are asked for. */
export function writeElementsKey(writer: MessageWriter, table: Table, set: string): void {
  writeHeader(writer, table.family)
  writer.string(NFTA_SET_ELEM_LIST_TABLE, table.name)
  writer.string(NFTA_SET_ELEM_LIST_SET, set)
}

/** The elements of one message of a dump: `add` gets each. */
export function readElements(attributes: Attributes, add: (element: Element) => void): void {
  const list = attributes.nested(NFTA_SET_ELEM_LIST_ELEMENTS)
  if (!list) return
  for (const entry of list.entries()) {
    const element = entry.nested()
    const key = needed(readData(element, NFTA_SET_ELEM_KEY), 'key of an element')
    if (isVerdict(key)) throw malformed('a verdict as key')
    const data = readData(element, NFTA_SET_ELEM_DATA)
    const expires = element.be64(NFTA_SET_ELEM_EXPIRATION)
    const counter = readCounts(element)
    const comment = commentIn(element.bytes(NFTA_SET_ELEM_USERDATA), commentType.element)
    add({
      key,
      ...(data === undefined ? {} : { data }),
      ...(comment === undefined ? {} : { comment }),
      ...(expires === undefined ? {} : { expires }),
      ...(counter ? { counter } : {}),
    })
  }
}

function readCounts(element: Attributes): Counts | undefined {
  const each = element.nested(NFTA_SET_ELEM_EXPR)
  const expr = each && readExpr(each)
  return expr?.kind === 'counter' ? { packets: expr.packets, bytes: expr.bytes } : undefined
}
