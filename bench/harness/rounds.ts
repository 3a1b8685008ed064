/**
 * Runs every contestant once per round, in turn, beginning with another one each time: a bad moment of the machine hits all of them alike.
 * The first round warms up and is not counted.
 */
export async function rounds<Name extends string, Value = number>(
  count: number,
  contestants: Record<Name, (round: number) => Promise<Value> | Value>,
): Promise<Record<Name, Value[]>> {
  const names = Object.keys(contestants) as Name[]
  const measured = Object.fromEntries(names.map((name) => [name, [] as Value[]])) as Record<Name, Value[]>
  for (let round = 0; round <= count; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] as Name
      const value = await contestants[name](round)
      if (round > 0) measured[name].push(value)
    }
  }
  return measured
}

/** Milliseconds that it takes. */
export async function timed(body: () => unknown): Promise<number> {
  const begun = performance.now()
  await body()
  return performance.now() - begun
}
