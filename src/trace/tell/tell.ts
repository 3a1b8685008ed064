import type { Address } from '../../base/address.ts'
import type { Cluster } from '../cluster.ts'
import { type Flow, followFlow, readSightings } from '../flow.ts'
import type { Observation } from '../observation.ts'
import { agreement, type Ranges, predict } from '../predict.ts'
import type { ProbeResult } from '../probe/spec.ts'
import { type RunningPod, serviceNamed } from '../resolve.ts'
import type { Target } from '../target.ts'
import type { DnsStep, Ends, Hop, Trace } from '../types.ts'
import { whyOf } from '../why/why.ts'
import { endingOf, neverSent } from './ending.ts'
import { tellHops } from './hops.ts'
import { shortName, type Story } from './story.ts'
import { verdictOf } from './verdict.ts'

export interface Told {
  readonly cluster: Cluster
  readonly ranges: Ranges
  readonly target: Target
  readonly source: RunningPod
  readonly dns: readonly DnsStep[]
  /** Where the request went; undefined when its name has no address. */
  readonly to: { readonly address: Address; readonly port: number } | undefined
  /** The source port. */
  readonly port: number
  readonly observations: readonly Observation[]
  readonly result: ProbeResult | undefined
}

/** Everything that was seen and said, as a trace. Pure. */
export function tell(told: Told): Trace {
  const { cluster, source, target, dns, to, port, result } = told
  const flow = flowOf(told)
  const story: Story = {
    cluster,
    ranges: told.ranges,
    flow,
    facts: told.observations.filter((one) => one.kind === 'facts'),
    rules: told.observations.filter((one) => one.kind === 'rule'),
    source: source.key,
  }
  const common = { from: source.key, to: target.text, protocol: target.protocol, dns }
  if (!to || result?.kind !== 'sent') {
    const known =
      target.host.kind === 'name' &&
      serviceNamed(cluster, target.host.name, source.key.split('/')[0] ?? '') !== undefined
    const why = whyOf({ ...told, story, verdict: 'name-not-found', hops: [] })
    const ms = round(dns.reduce((sum, step) => sum + step.ms, 0))
    return { ...common, verdict: 'name-not-found', ms, hops: [], reply: [], predicted: [], agrees: !known, why }
  }
  const protocol = target.protocol === 'udp' || target.protocol === 'dns' ? 'udp' : 'tcp'
  const packet: Ends = { src: `${source.address}:${port}`, dst: `${to.address}:${to.port}`, proto: protocol }
  const seen = tellHops(story, 'there')
  const hops: Hop[] =
    seen.length === 0
      ? [neverSent(story, shortName(source.key), source.node, packet, to.address)]
      : [...seen, ...endingOf(story, seen)]
  const reply = tellHops(story, 'back')
  const verdict = verdictOf(story, result)
  const prediction = predict({ cluster, ranges: told.ranges, source, to, protocol, port, observed: hops })
  const differs = agreement(prediction, hops)
  const why = whyOf({ ...told, story, verdict, hops })
  const lost = told.observations.flatMap((one) =>
    one.kind === 'lost'
      ? [{ code: 'Lost', level: 'warning' as const, say: `${one.place.name}: ${one.say}`, fix: 'trace again' }]
      : [],
  )
  const disagree =
    differs === undefined
      ? []
      : [
          {
            code: 'Disagree',
            level: 'warning' as const,
            say: differs,
            fix: 'one of the two is wrong: please report it with the output of -o json',
          },
        ]
  return {
    ...common,
    verdict,
    ...(result.status !== undefined && { status: result.status }),
    ms: round(result.ms),
    hops,
    reply,
    predicted: prediction,
    agrees: differs === undefined,
    why: [...why, ...disagree, ...lost],
  }
}

function flowOf({ observations, source, port, target }: Told): Flow {
  const sightings = readSightings(observations.filter((one) => one.kind === 'packet'))
  return followFlow(sightings, {
    protocol: target.protocol === 'udp' || target.protocol === 'dns' ? 'udp' : 'tcp',
    source: source.address,
    port,
  })
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
