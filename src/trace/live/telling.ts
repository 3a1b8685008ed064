import type { Address } from '../../base/address.ts'
import type { Sighting } from '../flow/flow.ts'
import type { Story } from '../tell/story.ts'
import { type Told, tell } from '../tell/tell.ts'
import { verdictOf } from '../tell/verdict.ts'
import type { Trace } from '../types.ts'
import type { FlowSeen } from './flow-seen.ts'
import type { Known } from './known.ts'
import type { LiveReport } from './report.ts'
import type { LiveFlow } from './types.ts'

/** What all connections of a watch have in common. */
export interface About extends Pick<Told, 'cluster' | 'ranges' | 'source' | 'target'> {
  readonly explain: Parameters<typeof tell>[1]
  /** Whom the client asks is no machine: its packets are translated. */
  readonly isTranslated: boolean
}

/** Tells of a connection and puts it into the report: a line, and of some the whole story. 'later': it is not whole yet, and it is not its last chance. */
export function tellFlow(
  seen: FlowSeen,
  isLast: boolean,
  about: About,
  { report, known }: { readonly report: LiveReport; readonly known: Known },
): LiveFlow | 'later' | 'never' {
  const verdict = verdictOf(storyOf(seen, about, known), seen.result, about.target.protocol)
  // What a place had no room for while the part was made smaller.
  if (known.isThinned && about.isTranslated && verdict === 'delivered' && !isWhole(seen))
    return isLast ? 'never' : 'later'
  const story = report.wants(verdict) ? traceOf(seen, about, known) : undefined
  if (story && !story.agrees && !isLast) return 'later'
  // A story with holes is none: they are where packets were lost, and not where the request went.
  return report.add(seen, verdict, story && (story.agrees || !known.isLossy) ? story : undefined)
}

function traceOf({ port, observations, result, first }: FlowSeen, about: About, known: Known): Trace {
  const { cluster, ranges, source, target, explain } = about
  const asked = { cluster, ranges, source, target, dns: [], to: destinationOf(first), port, result }
  return tell({ ...asked, observations: [...observations, ...known.facts()] }, explain)
}

function storyOf({ flow, observations }: FlowSeen, { cluster, ranges, source }: About, known: Known): Story {
  return {
    cluster,
    ranges,
    flow,
    facts: known.facts().filter((one) => one.kind === 'facts'),
    rules: observations.filter((one) => one.kind === 'rule'),
    source: source.key,
  }
}

/** It was seen translated. */
function isWhole({ first, flow }: FlowSeen): boolean {
  return flow.there.some(({ frame }) => frame.ip?.destination !== first.frame.ip?.destination)
}

function destinationOf({ frame: { ip } }: Sighting): { address: Address; port: number } | undefined {
  if (!ip?.transport) return undefined
  return { address: ip.destination, port: ip.transport.kind === 'icmp' ? 0 : ip.transport.destinationPort }
}
