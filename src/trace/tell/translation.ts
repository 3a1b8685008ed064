import type { Address } from '../../base/address.ts'
import { ownerOf, podKey, readyEndpoints, serviceAt } from '../cluster/cluster.ts'
import { endsOf, type Sighting } from '../flow/flow.ts'
import type { Ip } from '../packet/ip.ts'
import { hostPortAt } from '../cluster/host-port.ts'
import { podName, shortName } from '../cluster/names.ts'
import type { Because, Ends, Hop } from '../types.ts'
import { rulesText } from './rules.ts'
import { type Direction, hopAt, ipOf, portOf, type Story } from './story.ts'

/** Between two sightings on one node the packet's ends changed: the service rules did that, or conntrack undoes it for an answer. */
export function translated(story: Story, before: Sighting, after: Sighting, direction: Direction): Hop[] {
  const [from, to] = [endsOf(ipOf(before)), endsOf(ipOf(after))]
  const hop = (packet: Ends, changed: Ends, say: string, because: Because): Hop =>
    hopAt(story, before, { component: 'proxy', action: 'translated', packet, after: changed, say, because })
  const undo: Because = {
    kind: 'conntrack',
    text: `the node remembers the connection: ${from.src} > ${from.dst} is its answer`,
  }
  const hops: Hop[] = []
  // The kernel translates the destination first (prerouting), then the source (postrouting); an answer in the same order.
  const middle: Ends = { ...from, dst: to.dst }
  if (from.dst !== to.dst) {
    const say =
      direction === 'there'
        ? sayChosen(story, ipOf(before), ipOf(after), before.place.node)
        : `put back: ${from.dst} becomes ${to.dst}, who asked`
    const because: Because =
      direction === 'there' ? { kind: 'rule', text: rulesText(story, before.place, ipOf(before)) } : undo
    hops.push(hop(from, middle, say, because))
  }
  if (from.src !== to.src) {
    const say =
      direction === 'there'
        ? `the sender becomes ${to.src}, this node: the answer has to come back through here`
        : `put back: ${from.src} becomes ${to.src}, ${sayHidden(story, ipOf(before).source)}`
    const because: Because =
      direction === 'there' ? { kind: 'rule', text: rulesText(story, after.place, ipOf(before)) } : undo
    hops.push(hop(middle, to, say, because))
  }
  return hops
}

function sayChosen(story: Story, before: Ip, after: Ip, node: string): string {
  const pod = ownerOf(story.cluster, after.destination)
  const [was, is] = [endsOf(before).dst, endsOf(after).dst]
  const port = portOf(before)
  const at =
    port === undefined ? undefined : serviceAt(story.cluster, before.destination, port, before.transport?.kind ?? '')
  const owner = ownerOf(story.cluster, before.destination)
  const service = at?.service ?? (owner.kind === 'service' ? owner.service : undefined)
  if (!service) {
    const protocol = before.transport?.kind ?? ''
    const published =
      port === undefined ? undefined : hostPortAt(story.cluster, before.destination, port, protocol, node)
    const whose =
      published && `port ${port} of ${node} belongs to pod ${podName(story, podKey(published.pod))} (hostPort): `
    return `${whose ?? ''}${was} becomes ${is}`
  }
  const { namespace, name } = service.metadata
  const count = at ? readyEndpoints(story.cluster, service, at.port.name).length : 0
  const chosen =
    pod.kind === 'pod'
      ? `, pod ${podName(story, podKey(pod.pod))}`
      : pod.kind === 'node'
        ? `, ${pod.node.metadata.name} itself`
        : ''
  return `service ${namespace}/${name}: ${was} becomes ${is}${chosen}${count > 1 ? `, one of ${count}` : count === 1 ? ', the only one' : ''}`
}

/** What the translation of an answer keeps from who asked. */
function sayHidden(story: Story, address: Address): string {
  const owner = ownerOf(story.cluster, address)
  const asker = shortName(story.source)
  if (owner.kind !== 'pod') return `so ${asker} never saw ${address}`
  const key = podKey(owner.pod)
  return key === story.source
    ? `so ${asker} does not see that it answers itself`
    : `so ${asker} never saw ${podName(story, key)}`
}
