import type { Packed } from '../kernel/nftables/packed.ts'
import type { Counts } from '../kernel/nftables/element.ts'
import type { Nftables } from '../kernel/nftables/socket.ts'
import type { Table } from '../kernel/nftables/table.ts'
import { counterSets } from './layout/sets.ts'
import { type Names, printRules } from './rules.ts'

/**
 * What the kernel holds at this moment, as people read it: with the names of services and endpoints, clients that are remembered, and what has been
 * counted. `only`: of one service, as `namespace/name`.
 */
export async function showRules(
  nftables: Pick<Nftables, 'read' | 'readElementsSlowly'>,
  table: Table,
  names: Names,
  only?: string,
): Promise<string> {
  const ruleset = nftables.read(table)
  if (!ruleset) return `# the kernel has no table ${table.family} ${table.name}\n`
  const counts = new Map<string, Counts>()
  for (const set of counterSets) {
    const flows = ruleset.sets.get(set)?.elements.keys() ?? []
    const wanted = [...flows].filter((flow) => only === undefined || names.holder(flow)?.service === only)
    for await (const elements of nftables.readElementsSlowly(table, set, wanted))
      for (const { key, counter } of elements) if (counter) counts.set(set + key, counter)
  }
  return printRules(ruleset, names, (set: string, key: Packed) => counts.get(set + key), only)
}
