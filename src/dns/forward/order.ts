import { randomInt } from 'node:crypto'
import type { ForwardConfig } from '../config/config.ts'

/** Puts the members of a list into the order in which one question goes to them. */
export type Order = <T>(all: readonly T[]) => T[]

export function orderOf(policy: ForwardConfig['policy']): Order {
  switch (policy) {
    case 'sequential':
      return (all) => [...all]
    case 'random':
      return shuffled
    case 'round_robin': {
      let turn = 0
      return (all) => {
        const first = all.length === 0 ? 0 : turn++ % all.length
        return [...all.slice(first), ...all.slice(0, first)]
      }
    }
  }
}

export function shuffled<T>(all: readonly T[]): T[] {
  const rest = [...all]
  return all.map(() => rest.splice(randomInt(rest.length), 1)[0] as T)
}
