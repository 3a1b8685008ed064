import { nth } from '../../src/base/address.ts'
import { endpointsOf, freshService, podCidr, type Served, served } from './make.ts'

export const changeKinds = ['endpoint removed', 'endpoint added', 'service added', 'service removed'] as const
export type ChangeKind = (typeof changeKinds)[number]

/** What there is to say about one service: it is there from now on, is another now, or is gone. */
export interface Change {
  readonly kind: ChangeKind
  readonly index: number
  readonly before: Served | undefined
  readonly after: Served | undefined
}

/**
 * An endless walk of single changes, each kind in its turn, over services all over the cluster. What one change takes away another gives back some
 * turns later, so that the cluster stays as large as it is, and services with an endpoint too few are nothing new at any moment.
 */
export function* changesAmong(count: number, each: number): Generator<Change, never> {
  const current = new Map<number, Served>()
  const lacking: number[] = []
  const extra: number[] = []
  const now = (index: number): Served => current.get(index) ?? freshService(index, each)
  /** Prime to every count: it meets each service once before it meets one again. */
  const stride = 7919
  for (let turn = 0; ; turn++) {
    const index = (turn * stride) % count
    if (!lacking.includes(index)) {
      const before = now(index)
      const after = served(index, endpointsOf(before).slice(1))
      current.set(index, after)
      lacking.push(index)
      yield { kind: 'endpoint removed', index, before, after }
    }
    if (lacking.length > behind) {
      const index = lacking.shift() as number
      const before = now(index)
      const fresh = nth(podCidr, 1_000_000 + (turn % 500_000))
      const after = served(index, [...endpointsOf(before), fresh])
      current.set(index, after)
      yield { kind: 'endpoint added', index, before, after }
    }
    const added = count + (turn % 1000)
    extra.push(added)
    yield { kind: 'service added', index: added, before: undefined, after: freshService(added, each) }
    if (extra.length > behind) {
      const index = extra.shift() as number
      yield { kind: 'service removed', index, before: freshService(index, each), after: undefined }
    }
  }
}

/** Turns between a change and the one that undoes it. */
const behind = 4

/** An endless walk of changes of one endpoint into another. */
export function* exchangesAmong(count: number, each: number): Generator<Served, never> {
  const current = new Map<number, string[]>()
  for (let turn = 0; ; turn++) {
    const index = (turn * 7919) % count
    const endpoints = [...(current.get(index) ?? endpointsOf(freshService(index, each)))]
    endpoints[turn % each] = nth(podCidr, 1_000_000 + (turn % 500_000))
    if (count > 1) current.set(index, endpoints)
    yield served(index, endpoints)
  }
}
