import { type Packed, packU32 } from '../../kernel/nftables/packed.ts'
import type { Expr } from '../../kernel/nftables/expr/index.ts'
import type { Rule } from '../../kernel/nftables/rule.ts'
import type { Chain } from '../../kernel/nftables/ruleset.ts'
import { flow, lookup, masked, saveMark, source, throughMark } from './exprs.ts'
import type { FamilyFacts } from './family.ts'
import { listMask, portMask } from './numbers.ts'

/** How an endpoint is picked. One chain serves every port of a service that does it in the same way. */
export interface Way {
  readonly endpoints: number
  /** Seconds for which a client keeps its endpoint (sessionAffinity ClientIP); 0: every connection is on its own. */
  readonly sticky: number
  /** The map that says which list of endpoints. */
  readonly by: 'services' | 'inside'
}

/** The name of its chain: `pick-3`, `stick-3-10800`, `pick-3-inside`. */
export function wayName({ endpoints, sticky, by }: Way): string {
  const name = sticky > 0 ? `stick-${endpoints}-${sticky}` : `pick-${endpoints}`
  return by === 'inside' ? `${name}-inside` : name
}

/** The inverse of {@link wayName}; undefined for a name that is none of ours. */
export function readWayName(name: string): Way | undefined {
  const [, pick, endpoints, timeout, inside] = /^(?:(pick)|stick)-(\d+)(?:-(\d+))?(-inside)?$/.exec(name) ?? []
  if (endpoints === undefined || (pick === undefined) !== (timeout !== undefined)) return undefined
  return { endpoints: Number(endpoints), sticky: Number(timeout ?? 0), by: inside ? 'inside' : 'services' }
}

/** The key of `ways`. */
export function wayKey(number: number): Packed {
  return packU32(number)
}

export function wayChain(facts: FamilyFacts, way: Way): Chain {
  return { name: wayName(way), rules: way.sticky > 0 ? stickRules(facts, way) : pickRules(facts, way) }
}

// Registers: an endpoint's address and port, or a flow, from 0; the list and what is looked up in it; client and port; the mark.
const result = 0
const list = 6
const at = 7
const client = 8
const saved = 13

function pickRules(facts: FamilyFacts, { endpoints, by }: Way): Rule[] {
  const pick = (of: number): Expr[] => [
    ...listOf(facts, by),
    random(of),
    lookup('endpoints', list, result),
    dnat(facts),
  ]
  return [
    {
      exprs: pick(endpoints),
      comment: endpoints === 1 ? 'the only endpoint' : `one of ${endpoints} endpoints, at random`,
    },
    ...(endpoints > 1 ? [{ exprs: pick(1), comment: gone }] : []),
  ]
}

// A packet may have read the number of endpoints before a change, and look for the last of them after it.
const gone = 'the chosen one left at this very moment: the first'

function stickRules(facts: FamilyFacts, { endpoints, sticky, by }: Way): Rule[] {
  const who: Expr[] = [source(facts, client), masked(list, client + facts.words, portBits)]
  const before: Expr[] = [lookup('affinity', client, at), ...throughMark(at, saved)]
  const choose: Expr[] = [random(endpoints), lookup('numbers', list, at), ...throughMark(at, saved)]
  const find = lookup('remembered', list, result)
  const timeout = BigInt(sticky) * 1000n
  const remember: Expr = { kind: 'dynset', set: 'affinity', op: 'update', key: client, data: at, timeout }
  const begin = listOf(facts, by)
  const go = dnat(facts)
  return [
    {
      exprs: [...begin, ...who, ...before, find, remember, go],
      comment: 'the same as before, if it is still there',
    },
    {
      // To update an element is to renew its time, not what it holds: first it has to go.
      exprs: [
        ...begin,
        ...who,
        { kind: 'immediate', to: at, value: packU32(0) },
        { kind: 'dynset', set: 'affinity', op: 'delete', key: client, data: at },
      ],
      comment: 'it has left',
    },
    {
      exprs: [...begin, ...who, ...choose, find, remember, go],
      comment:
        endpoints === 1
          ? 'the only endpoint, to be remembered'
          : `one of ${endpoints} endpoints, at random, to be remembered`,
    },
    // There is no room to remember it, or the chosen one left at this very moment.
    ...pickRules(facts, { endpoints, sticky: 0, by }),
  ]
}

const portBits = packU32(portMask)
const listBits = packU32(listMask)

/** Which list of endpoints the flow has, into register `list`. */
function listOf(facts: FamilyFacts, by: Way['by']): Expr[] {
  return [
    saveMark(saved),
    ...flow(facts, result),
    lookup(by, result, list),
    ...throughMark(list, saved),
    masked(list, list, listBits),
  ]
}

function random(of: number): Expr {
  return { kind: 'numgen', mode: 'random', modulus: of, offset: 0, to: at }
}

function dnat({ family, words }: FamilyFacts): Expr {
  return {
    kind: 'nat',
    type: 'dnat',
    family: family === 4 ? 'ip' : 'ip6',
    address: result,
    port: result + words,
    flags: [],
  }
}
