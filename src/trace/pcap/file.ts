import type { Address } from '../../base/address.ts'
import { version } from '../../base/version.ts'
import { type Cluster, ownerOf, podKey } from '../cluster/cluster.ts'
import { endsOf, sameEnds } from '../flow/flow.ts'
import type { PacketSeen, Place } from '../observation.ts'
import { readFrame } from '../packet/frame.ts'
import type { Hop, Trace } from '../types.ts'
import { enhancedPacket, interfaceDescription, nameResolution, sectionHeader } from './blocks.ts'
import type { Capture } from './capture.ts'

/** The most that a watcher keeps of a packet. */
const snap = 65_536

type Story = Pick<Trace, 'hops' | 'reply'>

/**
 * All hops in one pcapng file: an interface for each device of each place, in the order in which they were seen, the packets by time, names for their
 * addresses, and at each packet the sentences of the hops that it is. `about`: one line about the whole.
 */
export function* pcapFile(capture: Capture, stories: readonly Story[], about: string): Generator<Uint8Array> {
  const packets = capture.packets
    .map((packet) => ({ packet, time: BigInt(packet.time) }))
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  const comment = [about, ...capture.notes].join('\n')
  yield sectionHeader({ application: `kubehop ${version}`, os: 'Linux', comment })
  const interfaces = new Map<string, number>()
  for (const { packet } of packets) {
    const { place, device } = packet
    const name = `${place.name}/${device}`
    if (interfaces.has(name)) continue
    interfaces.set(name, interfaces.size)
    yield interfaceDescription({ name, description: describe(place), snap })
  }
  const names = capture.cluster ? namesOf(capture.cluster, capture.packets) : new Map<Address, string[]>()
  if (names.size > 0) yield nameResolution(names)
  const comments = commentsOf(stories, capture.packets)
  for (const { packet, time } of packets) {
    const bytes = Buffer.from(packet.frame, 'base64')
    yield enhancedPacket({
      interface: interfaces.get(`${packet.place.name}/${packet.device}`) ?? 0,
      time,
      direction: packet.direction,
      bytes,
      length: packet.length ?? bytes.length,
      comments: comments.get(packet) ?? [],
    })
  }
}

function describe({ kind, name, node }: Place): string {
  return kind === 'pod' ? `pod ${name} on ${node}` : kind === 'node' ? `node ${name}` : name
}

/** As the cluster's DNS would begin them; a node and a router have their own. */
function namesOf(cluster: Cluster, packets: readonly PacketSeen[]): Map<Address, string[]> {
  const names = new Map<Address, string[]>()
  const known = new Set<Address>()
  for (const { frame } of packets) {
    const ip = readFrame(Buffer.from(frame, 'base64'))?.ip
    for (const address of ip ? [ip.source, ip.destination] : []) {
      if (known.has(address)) continue
      known.add(address)
      const name = nameOf(cluster, address)
      if (name !== undefined) names.set(address, [name])
    }
  }
  return names
}

function nameOf(cluster: Cluster, address: Address): string | undefined {
  const owner = ownerOf(cluster, address)
  switch (owner.kind) {
    case 'pod':
      return `${podKey(owner.pod).split('/').reverse().join('.')}.pod`
    case 'service':
      return `${owner.service.metadata.name}.${owner.service.metadata.namespace}.svc`
    case 'node':
      return owner.node.metadata.name
    case 'router':
      return owner.name
    default:
      return undefined
  }
}

/** A hop tells its place and its time since the first packet; that one is found by where it was seen and its ends. */
function commentsOf(stories: readonly Story[], packets: readonly PacketSeen[]): Map<PacketSeen, string[]> {
  const at = new Map<string, PacketSeen>()
  for (const packet of packets) {
    const key = keyOf(packet.place, BigInt(packet.time))
    if (!at.has(key)) at.set(key, packet)
  }
  const comments = new Map<PacketSeen, string[]>()
  for (const { hops, reply } of stories) {
    const start = hops[0] && startOf(hops[0], packets)
    if (start === undefined) continue
    for (const hop of [...hops, ...reply]) {
      if (hop.us === undefined) continue
      const packet = at.get(`${hop.node} ${hop.place} ${start + BigInt(Math.round(hop.us * 1000))}`)
      if (packet) comments.set(packet, [...(comments.get(packet) ?? []), hop.say])
    }
  }
  return comments
}

function startOf(first: Hop, packets: readonly PacketSeen[]): bigint | undefined {
  for (const { place, time, frame } of packets) {
    if (place.node !== first.node || shortOf(place) !== first.place) continue
    const ip = readFrame(Buffer.from(frame, 'base64'))?.ip
    if (ip && sameEnds(endsOf(ip), first.packet)) return BigInt(time)
  }
  return undefined
}

function keyOf(place: Place, time: bigint): string {
  return `${place.node} ${shortOf(place)} ${time}`
}

function shortOf({ kind, name }: Place): string {
  return kind === 'pod' ? name.slice(name.indexOf('/') + 1) : name
}
