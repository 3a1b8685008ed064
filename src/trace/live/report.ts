import { parseAddress } from '../../base/address.ts'
import { type Cluster, ownerOf, podKey } from '../cluster/cluster.ts'
import { endsOf } from '../flow/flow.ts'
import { ipOf } from '../tell/story.ts'
import { timeText } from '../time.ts'
import type { Trace, Verdict } from '../types.ts'
import type { FlowSeen } from './flow-seen.ts'
import type { EstablishedFact } from './observation.ts'
import type { LiveFlow, LiveShare, LiveTrace } from './types.ts'

/** Whole stories that are kept: of the first connections, and of those that went wrong. */
const mostFirst = 3
const mostFailed = 20

/** Gathers what is told of each connection into one account. */
export class LiveReport {
  readonly #cluster: Cluster
  readonly #stories: number
  readonly #flows: LiveFlow[] = []
  #failed = 0

  /** `stories`: so many of the first are told as a whole; {@link mostFirst} when left out. */
  constructor(cluster: Cluster, stories: number = mostFirst) {
    this.#cluster = cluster
    this.#stories = stories
  }

  /** Whether there is room for one more whole story. */
  wants(verdict: Verdict): boolean {
    return this.#flows.length < this.#stories || (verdict !== 'delivered' && this.#failed < mostFailed)
  }

  add(
    { number, first, flow: { there, tries }, result }: FlowSeen,
    verdict: Verdict,
    story: Trace | undefined,
  ): LiveFlow {
    const request = endsOf(ipOf(first))
    const end = endsOf(ipOf(there.at(-1) ?? first))
    const endpoint = end.dst === request.dst ? undefined : end.dst
    const pod = podAt(this.#cluster, end.dst)
    if (verdict !== 'delivered') this.#failed++
    const flow: LiveFlow = {
      number,
      at: timeText(first.time),
      src: request.src,
      dst: request.dst,
      ...(endpoint !== undefined && { endpoint }),
      ...(pod !== undefined && { pod }),
      verdict,
      ms: Math.round(result.ms * 100) / 100,
      ...(tries > 1 && { tries }),
      ...(story && { story }),
    }
    this.#flows.push(flow)
    return flow
  }

  summary(
    about: Pick<LiveTrace, 'from' | 'to' | 'protocol'>,
    rest: Pick<LiveTrace['live'], 'seconds' | 'watched' | 'begun' | 'notes'> & {
      established: readonly EstablishedFact[]
    },
  ): LiveTrace {
    const flows = this.#flows.toSorted((a, b) => a.number - b.number)
    const { established, ...told } = rest
    const mine = new Set(flows.map(({ src }) => src))
    const verdicts: Partial<Record<Verdict, number>> = {}
    for (const { verdict } of flows) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1
    return {
      ...about,
      live: {
        ...told,
        followed: flows.length,
        verdicts,
        endpoints: shares(flows),
        ...middle(flows),
        flows,
        // What began while it was watched has been told.
        established: established.filter(({ src }) => !mine.has(src)),
      },
    }
  }
}

function shares(flows: readonly LiveFlow[]): LiveShare[] {
  const found = new Map<string, { pod?: string; count: number }>()
  for (const { endpoint, dst, pod } of flows) {
    const known = found.get(endpoint ?? dst)
    if (known) known.count++
    else found.set(endpoint ?? dst, { count: 1, ...(pod !== undefined && { pod }) })
  }
  return [...found].map(([endpoint, rest]) => ({ endpoint, ...rest })).sort((a, b) => b.count - a.count)
}

function middle(flows: readonly LiveFlow[]): Pick<LiveTrace['live'], 'answeredMs'> {
  const all = flows
    .filter(({ verdict }) => verdict === 'delivered')
    .map(({ ms }) => ms)
    .sort((a, b) => a - b)
  const [least, median, most] = [all[0], all[Math.floor((all.length - 1) / 2)], all.at(-1)]
  return least === undefined || median === undefined || most === undefined
    ? {}
    : { answeredMs: { least, median, most } }
}

function podAt(cluster: Cluster, end: string): string | undefined {
  const address = parseAddress(end.replace(/:\d+$/, ''))
  const owner = address === undefined ? undefined : ownerOf(cluster, address)
  return owner?.kind === 'pod' ? podKey(owner.pod) : undefined
}
