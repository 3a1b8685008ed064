import { KubehopError } from '../../base/errors.ts'
import { EAGAIN, errnoOf, KernelError } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import type { NetlinkSocket } from '../netlink/socket.ts'
import { readChain } from './chain.ts'
import { type Element, readElements, writeElementsKey } from './element.ts'
import { NFT_MSG, nftType, readHeader, writeHeader } from './message.ts'
import type { Packed } from './packed.ts'
import { type PlacedRule, readRule, writeRulesKey } from './rule.ts'
import type { Chain, Datum, NamedSet, Ruleset } from './ruleset.ts'
import { readSet, readSetSize, type SetSpec, writeSetKey } from './set.ts'
import { readTable, type Table, writeTableKey } from './table.ts'

const ENOENT = errnoOf('ENOENT')

/** A whole table as the kernel has it, or all but the elements of its sets; undefined when there is no such table. */
export function readRuleset(socket: NetlinkSocket, table: Table, elements = true): Ruleset | undefined {
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
    for (const rule of readRules(socket, table)) chains.get(rule.chain)?.rules.push(rule)
    const sets = readSets(socket, table, elements)
    return sets ? { table: found, chains, sets } : foreign(found)
  } catch (error) {
    if (error instanceof KubehopError && error.code === 'Malformed') return foreign(found)
    throw error
  }
}

/** All tables of the namespace. */
export function readTables(socket: NetlinkSocket): Table[] {
  return socket.dump(
    'list tables',
    nftType(NFT_MSG.GETTABLE),
    (w) => writeHeader(w, 'any'),
    (message) => {
      const { family, attributes } = readHeader(message)
      return family && readTable(attributes, family)
    },
  )
}

export function readRules(socket: NetlinkSocket, table: Table): PlacedRule[] {
  return socket
    .dump(
      `list rules of ${table.name}`,
      nftType(NFT_MSG.GETRULE),
      (w) => writeRulesKey(w, table),
      (message) => readRule(readHeader(message).attributes),
    )
    .filter((rule) => rule.table === table.name)
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
function readSets(socket: NetlinkSocket, table: Table, withElements: boolean): Map<string, NamedSet> | undefined {
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
    const elements = withElements ? readAllElements(socket, table, spec, size) : new Map<Packed, Datum>()
    sets.set(spec.name, { spec, elements })
  }
  return sets
}

/**
 * A set that has just grown much is still being rehashed, and a dump then leaves elements out without a word. So their number is
 * compared: with what the kernel says, or, where it does not, with that of another dump.
 */
function readAllElements(
  socket: NetlinkSocket,
  table: Table,
  spec: SetSpec,
  size: number | undefined,
): Map<Packed, Datum> {
  let expected = size
  for (let attempt = 0; attempt < readAttempts; attempt++) {
    const elements = readOnce(socket, table, spec.name)
    // The packet path changes a dynamic set all the time.
    if (spec.dynamic || elements.size === expected) return elements
    // Somebody may have changed it since it was asked for.
    expected = sizeNow(socket, table, spec) ?? elements.size
  }
  throw new KernelError(`list elements of ${spec.name}`, EAGAIN, 'the set never held still: try again')
}

const readAttempts = 50

/** The elements of one set with their comments, which a {@link Ruleset} has not. Throws when there is no such set. */
export function readElementList(socket: NetlinkSocket, table: Table, set: string): Element[] {
  let before = -1
  for (let attempt = 0; attempt < readAttempts; attempt++) {
    const elements: Element[] = []
    socket.dump(
      `list elements of ${set}`,
      nftType(NFT_MSG.GETSETELEM),
      (w) => writeElementsKey(w, table, set),
      (message) => readElements(readHeader(message).attributes, (element) => elements.push(element)),
    )
    if (elements.length === (sizeNow(socket, table, { name: set }) ?? before)) return elements
    before = elements.length
  }
  throw new KernelError(`list elements of ${set}`, EAGAIN, 'the set never held still: try again')
}

function sizeNow(socket: NetlinkSocket, table: Table, { name }: Pick<SetSpec, 'name'>): number | undefined {
  const [message] = socket.request(`read set ${name}`, nftType(NFT_MSG.GETSET), 0, (w) => writeSetKey(w, table, name))
  return message && readSetSize(readHeader(message).attributes)
}

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
