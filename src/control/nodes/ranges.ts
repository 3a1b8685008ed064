import type { Node } from '../../api/objects/node.ts'
import { type Cidr, formatCidr, indexIn, nth, overlaps, parseCidr, size } from '../../base/address.ts'
import { change, type Plan, tell } from '../action.ts'
import { timeOf } from '../clock.ts'
import type { Loop } from '../loop.ts'

export interface NodeRangesOptions {
  podCidr: Cidr
  nodePrefix: number
}

/** Gives every node a range of pod addresses of its own, in `spec.podCIDR`. */
export function nodeRanges({ podCidr, nodePrefix }: NodeRangesOptions): Loop {
  const pool = poolOf(podCidr, nodePrefix)
  return {
    name: 'node-ranges',
    // One key: a range given to one node is one fewer for all others.
    wakes: { Node: () => ['nodes'] },
    desired: (_, view) => giveRanges([...view.all('Node')], pool),
  }
}

export interface Pool {
  readonly whole: Cidr
  /** Bits of one piece. */
  readonly prefix: number
  readonly count: bigint
}

/** Throws a RangeError when the range cannot be cut into such pieces. */
export function poolOf(whole: Cidr, prefix: number): Pool {
  const longest = whole.family === 4 ? 30 : 126
  if (!Number.isInteger(prefix) || prefix < whole.prefix || prefix > longest)
    throw new RangeError(
      `${formatCidr(whole)} cannot be cut into ranges of /${prefix}: choose from /${whole.prefix} to /${longest}`,
    )
  return { whole, prefix, count: 1n << BigInt(prefix - whole.prefix) }
}

/**
 * The oldest node without a range gets the lowest one that no node has. The pool's first piece is given last, so that the first node
 * has number 1. What stands is honoured, also when another hand wrote it.
 */
export function giveRanges(nodes: Node[], pool: Pool): Plan {
  const taken = nodes.flatMap(rangesOf).flatMap((range) => piecesOf(pool, range))
  const actions: Plan['actions'] = []
  let next = 1n
  for (const node of nodes.filter(wantsRange).sort(byAge)) {
    next = freeFrom(next, taken)
    if (next >= pool.count) next = freeFrom(0n, taken)
    const index = next
    if (index >= pool.count) {
      actions.push(
        tell(
          node,
          'Warning',
          'CIDRNotAvailable',
          `Node ${node.metadata.name} gets no pod addresses: no range of /${pool.prefix} is left in ${formatCidr(pool.whole)}`,
        ),
      )
      continue
    }
    taken.push({ first: index, last: index })
    const podCIDR = formatCidr(piece(pool, index))
    actions.push(...change(node, { ...node, spec: { ...node.spec, podCIDR, podCIDRs: [podCIDR] } }))
  }
  return { actions }
}

function wantsRange(node: Node): boolean {
  return rangesOf(node).length === 0 && node.metadata.deletionTimestamp === undefined
}

function rangesOf(node: Node): Cidr[] {
  const texts = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
  return texts.map(parseCidr).filter((range) => range !== undefined)
}

/** Created in the same second, they are told apart by number: node2 comes before node10. */
function byAge(a: Node, b: Node): number {
  return (
    timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp) ||
    a.metadata.name.localeCompare(b.metadata.name, 'en', { numeric: true })
  )
}

function piece(pool: Pool, index: bigint): Cidr {
  const family = pool.whole.family
  const each = 1n << BigInt((family === 4 ? 32 : 128) - pool.prefix)
  return { family, address: nth(pool.whole, index * each), prefix: pool.prefix }
}

/** Which pieces of the pool a range covers, wholly or in part: it may have been cut by another hand, or with other sizes. */
function piecesOf(pool: Pool, range: Cidr): Pieces[] {
  if (range.family !== pool.whole.family || !overlaps(pool.whole, range)) return []
  if (range.prefix <= pool.whole.prefix) return [{ first: 0n, last: pool.count - 1n }]
  const each = size(piece(pool, 0n))
  const start = indexIn(pool.whole, range.address)
  return [{ first: start / each, last: (start + size(range) - 1n) / each }]
}

interface Pieces {
  readonly first: bigint
  readonly last: bigint
}

/** The lowest free number from here on; it may lie past the end. */
function freeFrom(start: bigint, taken: Pieces[]): bigint {
  let at = start
  for (;;) {
    const over = taken.find(({ first, last }) => first <= at && at <= last)
    if (!over) return at
    at = over.last + 1n
  }
}
