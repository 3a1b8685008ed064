import type { Ruleset } from '../../kernel/nftables/ruleset.ts'

/** A table as JSON: maps and whole numbers are marked, for JSON has neither. */
export function writeTable(table: Ruleset): string {
  return JSON.stringify(table, (_, value: unknown) =>
    value instanceof Map
      ? { $map: [...(value as Map<unknown, unknown>)] }
      : typeof value === 'bigint'
        ? { $big: String(value) }
        : value,
  )
}

/** What {@link writeTable} wrote. */
export function readTable(text: string): Ruleset {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    if ('$map' in value) return new Map(value.$map as [unknown, unknown][])
    return '$big' in value ? BigInt(value.$big as string) : value
  }) as Ruleset
}
