import { addressBytes, type Address, contains, hostPort } from '../../base/address.ts'
import { ownerOf } from '../cluster.ts'
import type { Sighting } from '../flow.ts'
import type { Facts, Listener } from '../observation.ts'
import type { Because, Hop } from '../types.ts'
import { type Direction, factsOf, hopAt, ipOf, nameOf, shortName, type Story, type Visit } from './story.ts'

/** At a pod's eth0: where a request begins and ends, and its answer the other way. */
export function atPod(story: Story, visit: Visit, direction: Direction, next: Visit | undefined): Hop[] {
  return visit.sightings.flatMap((one, at) => {
    const last = next === undefined && at === visit.sightings.length - 1
    if (one.direction === 'out') return [direction === 'there' ? sent(story, one) : answers(story, one)]
    if (direction === 'there') return [arrived(story, one)]
    return last ? [back(story, one)] : []
  })
}

function sent(story: Story, one: Sighting): Hop {
  const { destination, transport } = ipOf(one)
  const port = transport?.kind === 'tcp' || transport?.kind === 'udp' ? transport.destinationPort : 0
  const owner = ownerOf(story.cluster, destination)
  const what =
    owner.kind === 'service'
      ? 'a service’s address: no machine has it'
      : owner.kind === 'unknown'
        ? unowned(story, destination)
        : destination === story.cluster.nodeDns?.address
          ? `the name server of ${story.cluster.nodeDns.node} itself`
          : `${nameOf(story, destination)}’s address`
  const tries = story.flow.tries > 1 ? ` (sent ${story.flow.tries} times)` : ''
  return hopAt(story, one, { component: 'pod', action: 'sent', say: `sent to ${destination}:${port}, ${what}${tries}` })
}

function unowned(story: Story, destination: Address): string {
  if (contains(story.ranges.services, destination)) return 'an address for services, and no service has it'
  if (contains(story.ranges.pods, destination)) return 'an address for pods, and no pod has it'
  if (destination.startsWith('127.')) return 'the pod itself'
  return 'an address outside the cluster'
}

function arrived(story: Story, one: Sighting): Hop {
  const { destination, transport } = ipOf(one)
  const facts = factsOf(story, one.place)
  if (transport?.kind !== 'tcp' && transport?.kind !== 'udp')
    return hopAt(story, one, { component: 'pod', action: 'delivered', say: 'arrived' })
  const port = transport.destinationPort
  const listener = listenerOn(facts, transport.kind, destination, port)
  const refused = story.flow.answer === 'reset' || story.flow.answer === 'unreachable'
  if (refused && !listener) {
    const because: Because = { kind: 'socket', text: listText(facts, transport.kind) }
    return hopAt(story, one, {
      component: 'pod',
      action: 'rejected',
      say: `arrived, but nobody listens on port ${port}`,
      because,
    })
  }
  const who = listener ? processText(listener) : undefined
  const does =
    story.flow.answer === undefined
      ? 'arrived, and nothing answered'
      : refused
        ? 'refuses'
        : transport.kind === 'tcp'
          ? 'listens and answers'
          : 'answers'
  return hopAt(story, one, {
    component: story.flow.answer === undefined ? 'pod' : 'app',
    action: refused ? 'rejected' : 'delivered',
    say: `port ${port}: ${who === undefined ? does : `${who}, ${does === 'arrived, and nothing answered' ? 'listens, but did not answer' : does}`}`,
    ...(listener && { because: { kind: 'socket', text: listenerText(listener) } }),
  })
}

function answers(story: Story, one: Sighting): Hop {
  const say = {
    accepted: 'yes: the connection stands',
    reset: 'no: the pod’s kernel resets the connection',
    datagram: 'the answer leaves',
    echo: 'the pod’s kernel answers the echo by itself: no program is asked',
    unreachable: 'no: the pod’s kernel says that the port is closed',
  }[story.flow.answer ?? 'datagram']
  const refused = story.flow.answer === 'reset' || story.flow.answer === 'unreachable'
  return hopAt(story, one, { component: refused ? 'pod' : 'app', action: refused ? 'rejected' : 'answered', say })
}

function back(story: Story, one: Sighting): Hop {
  const { source, transport } = ipOf(one)
  const no = story.flow.answer === 'reset' || story.flow.answer === 'unreachable'
  const port = transport?.kind === 'tcp' || transport?.kind === 'udp' ? `:${transport.sourcePort}` : ''
  return hopAt(story, one, {
    component: 'pod',
    action: 'delivered',
    say: `${shortName(story.source)} ${no ? 'is told no' : 'has its answer'}, ${no ? 'by' : 'from'} ${source}${port}${asked(story, source) ? ', whom it asked' : ''}`,
  })
}

function asked(story: Story, source: Address): boolean {
  const first = story.flow.there[0]
  return first !== undefined && ipOf(first).destination === source
}

/** The socket that takes what is sent to this address and port. */
export function listenerOn(
  facts: Facts | undefined,
  protocol: 'tcp' | 'udp',
  address: Address,
  port: number,
): Listener | undefined {
  const all = (facts?.listeners ?? []).filter((one) => one.protocol === protocol && one.port === port)
  return all.find((one) => one.address === address) ?? all.find((one) => isAny(one.address))
}

/** 0.0.0.0 and ::, which takes IPv4 too unless the program asked otherwise. */
function isAny(address: Address): boolean {
  return addressBytes(address).every((byte) => byte === 0)
}

export function processText({ process, pid }: Listener): string | undefined {
  return process === undefined ? undefined : `${process}, process ${pid}`
}

export function listenerText(one: Listener): string {
  const who = one.process === undefined ? '' : ` ${one.process}[${one.pid}]`
  return `${one.protocol} ${hostPort(one.address, one.port)}${who}`
}

function listText(facts: Facts | undefined, protocol: 'tcp' | 'udp'): string {
  if (!facts) return 'the sockets of this pod could not be read'
  const all = facts.listeners.filter((one) => one.protocol === protocol)
  return all.length === 0
    ? `no ${protocol} socket waits in this pod`
    : `what waits here: ${all.map(listenerText).join('; ')}`
}
