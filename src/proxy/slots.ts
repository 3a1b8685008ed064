/**
 * Gives every endpoint of a list a number, 0 to N - 1. Those that stay keep theirs, so that a change of one endpoint is a
 * change of one or two elements, however many there are. Pure.
 */
export function settle<T>(before: readonly T[], wanted: readonly T[]): readonly T[] {
  if (before.length === 0) return wanted
  const homeless = new Set(wanted)
  const slots: (T | undefined)[] = []
  for (let slot = 0; slot < wanted.length; slot++) {
    const old = before[slot]
    // A repeat in what was found in the kernel keeps its first place only.
    slots.push(old !== undefined && homeless.delete(old) ? old : undefined)
  }
  const newcomers = homeless.values()
  return slots.map((kept) => kept ?? (newcomers.next().value as T))
}
