import { type Address, contains } from '../../base/address.ts'
import { ownerOf, serviceAt } from '../cluster/cluster.ts'
import { endsOf } from '../flow/flow.ts'
import { keptOut } from '../cluster/kept-out.ts'
import { shortName } from '../cluster/names.ts'
import type { RuleMet } from '../observation.ts'
import type { Ip } from '../packet/ip.ts'
import { sayUnseen } from './bridge.ts'
import { type ErrorKind, errorOf, sayError } from './error.ts'
import { sayRefusingLine } from '../predict/say.ts'
import type { Because, Ends, Hop } from '../types.ts'
import { refusingLine } from './refusing-line.ts'
import { droppedBy, isServiceRule, refuses, rulesText, ruleText, stoppedAtOnce } from './rules.ts'
import { hopAt, ipOf, isStranger, portOf, type Story } from './story.ts'
import { refusedBy } from './verdict.ts'

/** The hops with what ended a request that did not arrive. Those of one that did stay as they are. */
export function withEnding(story: Story, hops: readonly Hop[]): Hop[] {
  const last = story.flow.there.at(-1)
  const told = hops.at(-1)
  if (!last || !told || last.place.kind === 'pod') return [...hops]
  const { destination } = ipOf(last)
  const decided = droppedBy(story, last.place, ipOf(last))
  const component = componentOf(story, destination, ipOf(last), decided)
  const atOnce = stoppedAtOnce(story)
  const error = errorOf(story) ?? (atOnce && errorOf(story, atOnce.at))
  if (error?.here && onTheWay.has(error.kind)) {
    const say = `${sayError(error, ipOf(last).length, destination)}: thrown away`
    // That the table has no way is the same finding, with its evidence.
    if (told.action === 'dropped' && error.kind === 'net') return [...hops]
    // What goes in a circle ends where it was before.
    const here = error.first.place.name === last.place.name
    const because = told.action === 'dropped' && here ? { because: told.because } : {}
    const packet = endsOf(ipOf(last))
    // That it did not go on is no finding any more.
    return [
      ...(told.action === 'dropped' ? hops.slice(0, -1) : hops),
      hopAt(story, here ? last : error.first, { component: 'route', action: 'dropped', say, packet, ...because }),
    ]
  }
  // Nobody answered on the machine's own wire, and no rule had a say.
  if (error?.here && error.kind === 'host' && goesOn.has(told.action) && !decided) {
    const because: Because = { kind: 'neighbour', text: `no answer from ${destination}` }
    const say = `"who has ${destination}?": nobody answered`
    return [...hops, hopAt(story, last, { component: 'route', action: 'dropped', say, because })]
  }
  // A line of the routing table (prohibit), where no rule had a say.
  if (error?.here && error.kind === 'prohibited' && !decided && story.flow.back[0]?.place.name === last.place.name) {
    const text = refusingLine(story, last.place, destination)?.text ?? `prohibit: ${destination}`
    const because: Because = { kind: 'route', text }
    const say = `${sayRefusingLine('prohibit', destination)}: refused with an ICMP message`
    return [
      ...(told.action === 'dropped' ? hops.slice(0, -1) : hops),
      hopAt(story, last, { component: 'route', action: 'dropped', say, because }),
    ]
  }
  const refused = refusedBy(story) === 'node' && story.flow.back[0]?.place.name === last.place.name
  // A reset needs no error to say that a rule was against it.
  const isByRule = error ? byRule.has(error.kind) : decided !== undefined
  const stopped = told.action === 'dropped' && told.component === 'route' && isByRule
  if (refused && (goesOn.has(told.action) || told.action === 'delivered' || told.action === 'sent' || stopped)) {
    const how = story.flow.answer === 'reset' ? 'with a TCP reset' : 'with an ICMP message'
    const because: Because = { kind: 'rule', text: rulesText(story, last.place, ipOf(last)) }
    const say = `${sayRefusal(story, destination, decided)}: refused ${how}`
    // That it was for the node itself, or did not go on, is what it looked like.
    const before = goesOn.has(told.action) || told.action === 'sent' ? hops : hops.slice(0, -1)
    return [...before, hopAt(story, last, { component, action: 'rejected', say, because })]
  }
  if (story.flow.answer !== undefined) return [...hops]
  const drop = decided
  if (drop) {
    const because: Because = { kind: 'rule', text: ruleText(drop) }
    const dropped = hopAt(story, last, {
      component,
      action: refuses(drop) ? 'rejected' : 'dropped',
      say: `${sayRefusal(story, destination, decided)}: ${refuses(drop) ? 'refused, and nobody heard of that' : 'thrown away'}`,
      because,
    })
    // That it did not go on, or was for the node itself, is no finding any more.
    return [...(told.action === 'dropped' || told.action === 'delivered' ? hops.slice(0, -1) : hops), dropped]
  }
  // Nobody stands behind this place who could have seen it.
  if (!goesOn.has(told.action) || (last.direction === 'out' && isStranger(story, destination))) return [...hops]
  return [
    ...hops,
    hopAt(story, last, {
      component: told.action === 'translated' ? 'route' : told.component,
      action: 'dropped',
      say: sayUnseen(story, last),
    }),
  ]
}

/** What has no end in it. */
const goesOn: ReadonlySet<Hop['action']> = new Set(['forwarded', 'translated'])

/** What a machine says of a packet that it would have sent on. Whom nobody has (host unreachable), the bridge tells. */
const onTheWay: ReadonlySet<ErrorKind> = new Set(['net', 'time', 'too-big', 'other'])

const byRule: ReadonlySet<ErrorKind> = new Set(['port', 'protocol', 'prohibited'])

/** Whether the sender's own kernel found no way, or nobody: its card never sent the request. */
export function neverLeft(story: Story): boolean {
  const { there, answer } = story.flow
  const [first] = there
  if (!first) return true
  if (there.some(({ local }) => !local) || droppedBy(story, first.place, ipOf(first))) return false
  const kind = errorOf(story)?.kind
  return answer === undefined || kind === 'host' || kind === 'net'
}

/** A request that never left its sender: the kernel there could not find out where to. */
export function neverSent(story: Story, place: Hop['place'], node: string, packet: Ends, to: Address): Hop {
  const asked = story.flow.arp.find(
    ({ place: at, frame, direction }) =>
      shortName(at.name) === place && direction === 'out' && frame.arp?.target === to,
  )
  const device = asked?.device ?? story.flow.there[0]?.device ?? 'eth0'
  return {
    node,
    place,
    device,
    component: 'pod',
    action: 'dropped',
    packet,
    because: asked
      ? { kind: 'neighbour', text: `no answer from ${to}` }
      : { kind: 'packet', text: `no packet to ${to} was seen on ${device}` },
    say: asked ? `"who has ${to}?": nobody answered, so nothing could be sent` : `nothing left ${place}`,
  }
}

/** `service shop/web has no port 81`, or what else makes the rules say no. */
function sayRefusal(story: Story, destination: Address, decided: RuleMet | undefined): string {
  if (decided && !isServiceRule(decided)) return `a rule is against ${endsText(story)}`
  const owner = ownerOf(story.cluster, destination)
  const last = story.flow.there.at(-1)
  const packet = last && ipOf(last)
  const port = packet && portOf(packet)
  const protocol = packet?.transport?.kind ?? ''
  const from = last && ipOf(last).source
  const kept =
    last && from !== undefined && port !== undefined
      ? keptOut(story.cluster, { from, to: destination, port, protocol, node: last.place.name })
      : undefined
  if (kept) return kept.say
  const served = port === undefined ? undefined : serviceAt(story.cluster, destination, port, protocol)
  if (served)
    return `service ${served.service.metadata.namespace}/${served.service.metadata.name} has no pod that is ready`
  if (owner.kind !== 'service')
    return contains(story.ranges.services, destination)
      ? `no service has ${destination}`
      : `a rule is against ${endsText(story)}`
  const { metadata } = owner.service
  const name = `service ${metadata.namespace}/${metadata.name}`
  return port === undefined
    ? `${name} takes what is for its ports, and nothing else: its address belongs to no machine that could answer`
    : `${name} has no port ${port}`
}

function endsText(story: Story): string {
  const last = story.flow.there.at(-1)
  return last ? endsOf(ipOf(last)).dst : ''
}

function componentOf(story: Story, destination: Address, packet: Ip, decided: RuleMet | undefined): Hop['component'] {
  if (decided) return isServiceRule(decided) ? 'proxy' : 'policy'
  return contains(story.ranges.services, destination) ||
    ownerOf(story.cluster, destination).kind === 'service' ||
    serviceAt(story.cluster, destination, portOf(packet) ?? 0, packet.transport?.kind ?? '')
    ? 'proxy'
    : 'policy'
}
