import type { Address } from '../../base/address.ts'
import { type Cluster, ownerOf, podKey } from '../cluster/cluster.ts'
import type { Observation } from '../observation.ts'
import type { Answer } from '../probe/spec.ts'
import type { Hop, RepeatedOutcome, Repeats, Trace, Verdict, Why } from '../types.ts'
import { splitByPort } from './split.ts'
import { ipOf } from './story.ts'
import { blindSpots, storyOf, type Told, tell } from './tell.ts'
import { verdictOf } from './verdict.ts'

/** What some requests did that were sent from ports in a row, and what all watchers saw of them together. */
export interface Volley {
  readonly observations: readonly Observation[]
  readonly sent: readonly { readonly port: number; readonly result: Extract<Answer, { kind: 'sent' }> }[]
}

/** More ways than these are not told one by one; they are counted all the same. */
const mostWays = 16

/** Counts what became of many requests, by verdict and by who got them. The first is the trace itself. Pure. */
export class Tally {
  readonly #told: Told
  readonly #states: Told['observations']
  readonly #rows = new Map<string, Row>()
  /** What of them could not be seen, by what is said of it. */
  readonly #blind = new Map<string, Why>()
  #count = 1

  constructor(told: Told, first: Trace) {
    this.#told = told
    this.#states = told.observations.filter(({ kind }) => kind === 'state')
    const last = storyOf(told).story.flow.there.at(-1)
    const row = this.#row(first.verdict, last && endpointOf(told.cluster, ipOf(last).destination))
    row.ms.push(first.ms)
  }

  add({ observations, sent }: Volley): void {
    for (const why of blindSpots(observations)) this.#blind.set(why.say, why)
    const ownOf = splitByPort(observations, new Set(sent.map(({ port }) => port)))
    for (const { port, result } of sent) {
      const told: Told = { ...this.#told, port, result, observations: [...this.#states, ...ownOf(port)] }
      const { story } = storyOf(told)
      const verdict = verdictOf(story, result, told.target.protocol)
      const last = story.flow.there.at(-1)
      const row = this.#row(verdict, last && endpointOf(told.cluster, ipOf(last).destination))
      row.ms.push(result.ms)
      this.#count++
      if (row.ms.length > 1 || this.#rows.size > mostWays) continue
      const { hops, reply } = tell(told)
      row.way = { hops, reply }
    }
  }

  /** `asked`: how many were to be sent. `shares`: what is expected of each endpoint, by its address. */
  repeats(asked: number, shares: ReadonlyMap<string, number>): Repeats {
    // Somebody else got one: the service's endpoints changed meanwhile, and no share is to be expected any more.
    const changed = [...this.#rows.values()].some(({ endpoint }) => endpoint && !shares.has(endpoint.address))
    const outcomes = [...this.#rows.values()]
      .sort((a, b) => b.ms.length - a.ms.length)
      .map(({ verdict, endpoint, ms, way }): RepeatedOutcome => {
        const expected = endpoint && !changed ? shares.get(endpoint.address) : undefined
        return {
          verdict,
          ...(endpoint && { endpoint }),
          count: ms.length,
          ...(expected !== undefined && { expected }),
          ms: spread(ms),
          ...way,
        }
      })
    return { count: this.#count, ...(this.#count < asked && { asked }), outcomes }
  }

  /** Without what was said of the first already. */
  blind(said: readonly Why[]): Why[] {
    return [...this.#blind.values()].filter(({ say }) => !said.some((one) => one.say === say))
  }

  #row(verdict: Verdict, endpoint: Row['endpoint']): Row {
    const key = `${verdict} ${endpoint?.address}`
    const row = this.#rows.get(key) ?? { verdict, endpoint, ms: [], way: {} }
    this.#rows.set(key, row)
    return row
  }
}

interface Row {
  readonly verdict: Verdict
  readonly endpoint: RepeatedOutcome['endpoint']
  readonly ms: number[]
  way: { hops?: readonly Hop[]; reply?: readonly Hop[] }
}

/** Who was to get the request at last; undefined where it is still for a service. */
function endpointOf(cluster: Cluster, to: Address): RepeatedOutcome['endpoint'] {
  const owner = ownerOf(cluster, to)
  if (owner.kind === 'service') return undefined
  const pod = owner.kind === 'pod' ? owner.pod : undefined
  const node = owner.kind === 'node' ? owner.node.metadata.name : pod?.spec.nodeName
  return { ...(pod && { pod: podKey(pod) }), ...(node !== undefined && { node }), address: to }
}

/** Of at least one number. The p90 is the least that nine of ten do not exceed. */
function spread(all: readonly number[]): RepeatedOutcome['ms'] {
  const sorted = [...all].sort((a, b) => a - b)
  const at = (share: number): number => round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0)
  return { min: round(sorted[0] ?? 0), median: at(0.5), p90: at(0.9), max: at(1) }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
