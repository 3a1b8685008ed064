import { type Address, type Family, family } from '../base/address.ts'
import { errnoOf } from '../kernel/libc.ts'
import { NetlinkError } from '../kernel/netlink/error.ts'
import { diff } from '../kernel/nftables/diff.ts'
import {
  concat,
  type Packed,
  packAddress,
  packBe16,
  packU8,
  unpackAddress,
  unpackBe16,
} from '../kernel/nftables/packed.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { isChanged, type Nftables } from '../kernel/nftables/socket.ts'
import type { Op } from '../kernel/nftables/transaction.ts'
import { portTable, type SetName, tableOf } from './host-ports-table.ts'

/** One element of one of the sets, as the kernel has it. */
export interface PortElement {
  readonly family: Family
  readonly set: SetName
  readonly key: Packed
  /** Address and port of the pod; none in the set `returning`. */
  readonly data?: Packed
  /** Whose it is. */
  readonly comment: string
}

/** linux/in.h: IPPROTO_* */
export const protocolNumbers = { TCP: 6, UDP: 17, SCTP: 132 } as const
export type ProtocolName = keyof typeof protocolNumbers

/** The beginning of a key, and the whole of it where no address of the node is named. */
export function portKey(protocol: ProtocolName, port: number, at?: Address): Packed {
  const key = [packU8(protocolNumbers[protocol]), packBe16(port)]
  return concat(...key, ...(at === undefined ? [] : [packAddress(at)]))
}

/** Of any set but `returning`. */
export function readKey({ key }: PortElement): { protocol: number; port: number; at: Address | undefined } {
  const at = key.length > 8 ? unpackAddress(key.slice(8) as Packed) : undefined
  return { protocol: key.charCodeAt(0), port: unpackBe16(key.slice(4) as Packed), at }
}

export function targetOf(address: Address, port: number): Packed {
  return concat(packAddress(address), packBe16(port))
}

export function readTarget(of: Family, data: Packed): { address: Address; port: number } {
  const length = of === 4 ? 4 : 16
  return { address: unpackAddress(data.slice(0, length) as Packed), port: unpackBe16(data.slice(length) as Packed) }
}

export function returning(from: Address, to: Address): Pick<PortElement, 'family' | 'set' | 'key'> {
  return { family: family(to), set: 'returning', key: concat(packAddress(from), packAddress(to)) }
}

/** What can be there only once. */
export function placeOf({ family, set, key }: PortElement): string {
  return `${family} ${set} ${key}`
}

/** Those of some that are not among others, exactly as they are. */
export function without(some: readonly PortElement[], others: readonly PortElement[]): PortElement[] {
  const there = new Map(others.map((one) => [placeOf(one), one]))
  return some.filter((one) => {
    const other = there.get(placeOf(one))
    return other?.data !== one.data || other?.comment !== one.comment
  })
}

export function readPorts(nftables: Nftables): PortElement[] {
  return families.flatMap((of) => readFamily(nftables, of))
}

/** Are the rules for these elements as they were made? */
export function isSound(nftables: Nftables, elements: readonly PortElement[]): boolean {
  return families
    .filter((of) => elements.some((element) => element.family === of))
    .every((of) => sameRules(of, nftables.readRules(tableOf(of))))
}

/** `decide` is asked again when somebody else has changed nf_tables meanwhile: it may find a part of its changes done. */
export function changePorts(
  nftables: Nftables,
  decide: (present: readonly PortElement[]) => { add: readonly PortElement[]; remove: readonly PortElement[] },
): void {
  for (;;) {
    let generation = nftables.generation().id
    const present = readPorts(nftables)
    const { add, remove } = decide(present)
    try {
      for (const version of families) {
        const mine = (element: PortElement): boolean => element.family === version
        const isChanging = add.some(mine) || remove.some(mine)
        if (!isChanging && present.some(mine)) continue
        const committed = nftables.readRules(tableOf(version))
        const ops = opsFor(version, committed, present.filter(mine), add.filter(mine), remove.filter(mine))
        if (ops.length > 0)
          generation = nftables.apply({ table: tableOf(version), ops }, generation).generation ?? generation
      }
      return
    } catch (error) {
      if (!isChanged(error)) throw error
    }
  }
}

const families = [4, 6] as const
const ENOENT = errnoOf('ENOENT')

function readFamily(nftables: Nftables, of: Family): PortElement[] {
  return [...portTable(of).sets.keys()].flatMap((set) => {
    try {
      return nftables.elements(tableOf(of), set).flatMap(({ key, data, comment }): PortElement[] => {
        if (typeof data === 'object' || comment === undefined) return []
        return [{ family: of, set: set as SetName, key, ...(data !== undefined && { data }), comment }]
      })
    } catch (error) {
      // Somebody else took the set away, or all of them.
      if (error instanceof NetlinkError && error.errno === ENOENT) return []
      throw error
    }
  })
}

/** The table goes with its last element. One whose rules somebody has changed is made anew. */
function opsFor(
  of: Family,
  committed: Ruleset | undefined,
  present: readonly PortElement[],
  add: readonly PortElement[],
  remove: readonly PortElement[],
): Op[] {
  const gone = new Set(remove)
  const after = [...present.filter((element) => !gone.has(element)), ...add]
  if (after.length === 0) return committed === undefined ? [] : [{ op: 'delete table' }]
  if (committed !== undefined && sameRules(of, committed))
    return [...elementOps('delete elements', remove), ...elementOps('add elements', add)]
  const anew: Op[] = committed === undefined ? [] : [{ op: 'delete table' }]
  return [...anew, ...diff(undefined, portTable(of)).ops, ...elementOps('add elements', after)]
}

function sameRules(of: Family, committed: Ruleset | undefined): boolean {
  if (committed === undefined) return false
  return diff(committed, portTable(of)).ops.length === 0
}

function elementOps(op: 'add elements' | 'delete elements', elements: readonly PortElement[]): Op[] {
  return [...new Set(elements.map(({ set }) => set))].map((set) => ({
    op,
    set,
    elements: elements
      .filter((element) => element.set === set)
      .map(({ key, data, comment }) =>
        op === 'delete elements' ? { key } : { key, comment, ...(data !== undefined && { data }) },
      ),
  }))
}
