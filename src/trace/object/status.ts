import type { TraceNodeResult, TraceObjectStatus, TraceObservation } from '../../api/objects/trace.ts'
import type { Hop, Trace } from '../types.ts'

/** A trace as the status of its object: grouped by machine, as Antrea's Traceflow groups it. */
export function statusOf(trace: Trace, startTime: string, completionTime: string): TraceObjectStatus {
  const { verdict, status, ms, agrees, dns, hops, reply, why } = trace
  return {
    phase: 'Succeeded',
    startTime,
    completionTime,
    verdict,
    ...(status !== undefined && { answer: status }),
    milliseconds: ms,
    agrees,
    dns: dns.map(({ question, type, server, rcode, answers, by, ms: took }) => ({
      question,
      type,
      server,
      rcode,
      answers: [...answers],
      ...(by !== undefined && { by }),
      milliseconds: took,
    })),
    results: byNode(hops),
    replyResults: byNode(reply),
    why: why.map(({ code, level, say, fix }) => ({ code, level, say, fix })),
  }
}

/** A machine that is passed twice is there twice: the order is the packet's. */
function byNode(hops: readonly Hop[]): TraceNodeResult[] {
  const results: TraceNodeResult[] = []
  for (const hop of hops) {
    const last = results.at(-1)
    if (last?.node === hop.node) last.observations.push(observationOf(hop))
    else results.push({ node: hop.node, observations: [observationOf(hop)] })
  }
  return results
}

function observationOf(hop: Hop): TraceObservation {
  const { component, action, say, device, place, node, packet, after, because, us } = hop
  return {
    component: component === 'dns' ? 'DNS' : capital(component),
    componentInfo: say,
    action: capital(action),
    ...(device !== '' && { device }),
    ...(place !== node && { pod: place }),
    srcIP: packet.src,
    dstIP: packet.dst,
    ...(after && after.src !== packet.src && { translatedSrcIP: after.src }),
    ...(after && after.dst !== packet.dst && { translatedDstIP: after.dst }),
    evidence: `${because.kind}: ${because.text}`,
    ...(us !== undefined && { microseconds: Math.round(us * 10) / 10 }),
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
