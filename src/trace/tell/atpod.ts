import { addressBytes, type Address, contains, hostPort } from '../../base/address.ts'
import { balancedAddresses } from '../../api/objects/service.ts'
import { ownerOf, podKey, serviceAt } from '../cluster/cluster.ts'
import type { Sighting } from '../flow/flow.ts'
import { hostPortAt } from '../cluster/host-port.ts'
import { nameOf, podName, shortName } from '../cluster/names.ts'
import type { Facts, Listener } from '../observation.ts'
import type { Because, Hop } from '../types.ts'
import { errorOf, sayError } from './error.ts'
import { type Direction, factsOf, hopAt, ipOf, portOf, type Story, type Visit } from './story.ts'

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
  return hopAt(story, one, { component: 'pod', action: 'sent', say: saySent(story, one) })
}

export function saySent(story: Story, one: Sighting): string {
  const { destination, transport } = ipOf(one)
  const port = portOf(ipOf(one))
  const owner = ownerOf(story.cluster, destination)
  const nodePort =
    owner.kind === 'node' && port !== undefined
      ? serviceAt(story.cluster, destination, port, transport?.kind ?? '')
      : undefined
  const published =
    owner.kind === 'node' && port !== undefined
      ? hostPortAt(story.cluster, destination, port, transport?.kind ?? '')
      : undefined
  const what =
    owner.kind === 'service'
      ? `${balancedAddresses(owner.service).includes(destination) ? 'a load balancer’s address' : 'a service’s address'}: no machine has it`
      : nodePort
        ? `the node port of service ${nodePort.service.metadata.namespace}/${nodePort.service.metadata.name} on ${nameOf(story, destination)}`
        : published
          ? `the host port of pod ${podName(story, podKey(published.pod))} on ${nameOf(story, destination)}`
          : owner.kind === 'unknown'
            ? unowned(story, destination)
            : destination === story.cluster.nodeDns?.address
              ? `the name server of ${story.cluster.nodeDns.node} itself`
              : `${nameOf(story, destination)}’s address`
  const begun =
    transport?.kind === 'icmp'
      ? `an echo request ("are you there?") sent to ${destination},`
      : `sent to ${port === undefined ? destination : hostPort(destination, port)},`
  const tries = story.flow.tries > 1 ? ` (sent ${story.flow.tries} times)` : ''
  return `${begun} ${what}${tries}`
}

function unowned(story: Story, destination: Address): string {
  if (contains(story.ranges.services, destination)) return 'an address for services, and no service has it'
  if (contains(story.ranges.pods, destination)) return 'an address for pods, and no pod has it'
  if (destination.startsWith('127.')) return `${shortName(story.source)} itself`
  const { nodes } = story.ranges
  if (nodes && contains(nodes, destination)) return 'an address on the nodes’ wire, and no node has it'
  return 'an address outside the cluster'
}

function arrived(story: Story, one: Sighting): Hop {
  const { destination, transport } = ipOf(one)
  const facts = factsOf(story, one.place)
  if (transport === undefined || transport.kind === 'icmp') return reached(story, one)
  const port = transport.destinationPort
  const listener = listenerOn(facts, transport.kind, destination, port)
  const refused = story.flow.answer === 'reset' || story.flow.answer === 'unreachable'
  const error = errorOf(story)
  if (error && error.kind !== 'port' && error.here && error.first.place.name === one.place.name) {
    const what =
      error.kind === 'protocol'
        ? `this pod’s kernel does not speak ${transport.kind.toUpperCase()}: no program here can listen`
        : sayError(error, ipOf(one).length, destination)
    return hopAt(story, one, { component: 'pod', action: 'rejected', say: `arrived, but ${what}` })
  }
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
        : transport.kind === 'udp'
          ? 'answers'
          : 'listens and answers'
  return hopAt(story, one, {
    component: story.flow.answer === undefined ? 'pod' : 'app',
    action: refused ? 'rejected' : 'delivered',
    say: `port ${port}: ${who === undefined ? does : `${who}, ${does === 'arrived, and nothing answered' ? 'listens, but did not answer' : does}`}`,
    ...(listener && { because: { kind: 'socket', text: listenerText(listener) } }),
  })
}

/** What has no port is for the kernel itself. */
function reached(story: Story, one: Sighting): Hop {
  const { answer } = story.flow
  const say =
    answer === 'echo'
      ? 'arrived: the pod’s kernel answers echo requests by itself, no program is asked'
      : answer === undefined
        ? 'arrived, and nothing answered'
        : 'arrived'
  return hopAt(story, one, { component: 'pod', action: 'delivered', say })
}

function answers(story: Story, one: Sighting): Hop {
  const sctp = ipOf(one).transport?.kind === 'sctp'
  const error = errorOf(story)
  const say = {
    accepted: sctp ? 'yes: an association may begin (INIT ACK)' : 'yes: the connection stands',
    reset: sctp ? 'no: the association is refused (ABORT)' : 'no: the pod’s kernel resets the connection',
    datagram: 'the answer leaves',
    echo: 'the echo reply leaves',
    unreachable: `no: the pod’s kernel says that ${error && error.kind !== 'port' ? sayError(error, 0, ipOf(one).source) : 'the port is closed'}`,
  }[story.flow.answer ?? 'datagram']
  const refused = story.flow.answer === 'reset' || story.flow.answer === 'unreachable'
  return hopAt(story, one, { component: refused ? 'pod' : 'app', action: refused ? 'rejected' : 'answered', say })
}

function back(story: Story, one: Sighting): Hop {
  return hopAt(story, one, { component: 'pod', action: 'delivered', say: sayBack(story, one) })
}

/** What the one who asked has at the end. */
export function sayBack(story: Story, one: Sighting): string {
  const { source, transport } = ipOf(one)
  const error = errorOf(story)
  const no = story.flow.answer === 'reset' || story.flow.answer === 'unreachable'
  const from = transport === undefined || transport.kind === 'icmp' ? source : hostPort(source, transport.sourcePort)
  const asker = shortName(story.source)
  // A socket that was told whom it talks to takes nothing from others.
  if (!error && !asked(story, source) && (story.flow.answer === 'datagram' || story.outcome === 'timeout'))
    return `an answer came, from ${from}, whom ${asker} did not ask: thrown away`
  if (story.flow.answer === 'accepted' && story.outcome === 'connected')
    return `${asker} is connected to ${from}${asked(story, source) ? ', whom it asked' : ''}; nothing that it understands came over the connection`
  const told = error ? `is told "${error.name}"` : no ? 'is told no' : 'has its answer'
  return `${asker} ${told}, ${no ? 'by' : 'from'} ${from}${asked(story, source) ? ', whom it asked' : ''}`
}

function asked(story: Story, source: Address): boolean {
  const first = story.flow.there[0]
  return first !== undefined && ipOf(first).destination === source
}

/** The socket that takes what is sent to this address and port. */
export function listenerOn(
  facts: Facts | undefined,
  protocol: Listener['protocol'],
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

function listText(facts: Facts | undefined, protocol: Listener['protocol']): string {
  if (!facts) return 'the sockets of this pod could not be read'
  const all = facts.listeners.filter((one) => one.protocol === protocol)
  return all.length === 0
    ? `no ${protocol} socket waits in this pod`
    : `what waits here: ${all.map(listenerText).join('; ')}`
}
