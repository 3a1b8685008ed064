import type { Case } from '../../trace/case.ts'
import { shortName } from '../../trace/cluster/names.ts'
import { errorOf } from '../../trace/tell/error.ts'
import { ipOf } from '../../trace/tell/story.ts'
import type { Because, Sizes, SizeTried } from '../../trace/types.ts'
import type { Check, Finding, ObjectReference } from '../types.ts'
import { senderOf } from './finding.ts'

/** A request that was too long for a link, or packets that were sent after it to find out (`trace --size`). */
export const check: Check = {
  number: 18,
  title: 'large answers hang: the MTU is not the same on all the way',
  codes: ['PacketTooBig', 'LargeVanish'],
  needs: 'request',
  find: ({ request }) => (request ? [...refused(request), ...measured(request, request.sizes)] : []),
}

function refused(request: Case): Finding[] {
  if (request.verdict !== 'too-big') return []
  const error = errorOf(request.story)
  const sent = request.story.flow.there.at(-1)
  if (!error || !sent) return []
  const room = error.mtu === undefined ? '' : `, and the next link takes ${error.mtu}`
  const said = `ICMP ${error.name}${error.mtu === undefined ? '' : `, mtu ${error.mtu}`}`
  const say = `a packet of ${ipOf(sent).length} bytes is too long behind ${error.by}${room}: it must not be cut, and was thrown away`
  return [finding(request, shortName(error.first.place.name), say, [{ kind: 'packet', text: `${error.by}: ${said}` }])]
}

/** What does not pass although the first device on the way takes it. One that is larger than that, nobody sends. */
function measured(request: Case, sizes: Sizes | undefined): Finding[] {
  const own = sizes?.hops[0]?.mtu
  const lost = (sizes?.tried ?? []).filter(
    ({ passed, bytes, cut }) => !passed && cut !== true && (own === undefined || bytes <= own),
  )
  const [largest] = lost
  if (!sizes || !largest) return []
  const evidence: Because[] = [
    ...lost
      .slice(0, 3)
      .map(
        (one): Because => ({ kind: 'packet', text: `${one.bytes} bytes, not to be cut: ${one.say ?? 'did not pass'}` }),
      ),
    ...sizes.hops.flatMap(({ place, device, mtu }): Because[] =>
      mtu === undefined ? [] : [{ kind: 'object', text: `${place}: ${device} mtu ${mtu}` }],
    ),
  ]
  const fits = sizes.largest === undefined ? '' : `; the largest that passes has ${sizes.largest}`
  const silent = lost.find(({ by }) => by === undefined)
  if (silent) return [vanishes(request, sizes, silent, fits, evidence)]
  const { by = '', mtu, at } = largest
  const say = `packets of ${largest.bytes} bytes, as the sender’s own device takes them, are too long behind ${by}${mtu === undefined ? '' : `, which takes ${mtu}`}${fits}: the sender is told each time, and hangs when that word is lost`
  return [{ ...finding(request, at?.place ?? by, say, evidence), level: 'warning' }]
}

function vanishes(
  request: Case,
  { say: what }: Sizes,
  { bytes, at }: SizeTried,
  fits: string,
  evidence: Because[],
): Finding {
  const where = at === undefined ? 'on the way' : `behind ${at.place}’s ${at.device}`
  return {
    ...finding(
      request,
      at?.place ?? '',
      `${what}: those of ${bytes} bytes vanish ${where}, and nobody says so${fits}: whoever sends that much hangs`,
      evidence,
    ),
    code: 'LargeVanish',
  }
}

function finding(request: Case, place: string, say: string, evidence: readonly Because[]): Finding {
  return {
    number: 18,
    code: 'PacketTooBig',
    level: 'error',
    object: objectOf(request, place),
    also: [senderOf(request)],
    field: 'mtu',
    sure: 'certain',
    evidence,
    say,
    fix: 'send less at once, or give all links on the way the same MTU: ip link set dev NAME mtu BYTES',
  }
}

/** The machine or pod that a hop names, in short. */
function objectOf(request: Case, place: string): ObjectReference {
  const seen = request.story.flow.there.find((one) => shortName(one.place.name) === place)?.place
  if (!seen || seen.kind === 'outside') return senderOf(request)
  if (seen.kind !== 'pod') return { kind: seen.kind === 'router' ? 'Router' : 'Node', name: seen.name }
  const [namespace = '', name = ''] = seen.name.split('/')
  return { kind: 'Pod', namespace, name }
}
