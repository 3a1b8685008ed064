import { type Address, type Family, family } from '../base/address.ts'
import type { Connection } from '../kernel/conntrack/connection.ts'
import type { ConnectionFilter } from '../kernel/conntrack/filter.ts'
import type { Conntrack } from '../kernel/conntrack/socket.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import { endpointValue, type Flow, protocols } from './layout/keys.ts'

// A UDP client that goes on sending keeps its entry alive, and with it the translation that was made for its first datagram, if any. TCP would notice
// that nobody answers; UDP goes on sending to an endpoint that has gone, or past a service that came later. So those entries are deleted.

/**
 * The endpoints that may serve a flow now, as values of `endpoints`: an empty set when there are none, also for a service that was just
 * deleted; undefined for a flow that is no service's.
 */
export type EndpointsOf = (flow: Flow) => ReadonlySet<Packed> | undefined

/** Where datagrams to a service are sent: any address of it, and the port there. */
export type UdpFlow = Pick<Flow, 'address' | 'port'>

/**
 * Deletes the entries of these flows that lead elsewhere than to one of their endpoints, and returns how many. To be called after the transaction
 * that changed the endpoints: the next datagram begins a new entry.
 */
export function forgetStale(conntrack: Conntrack, flows: Iterable<UdpFlow>, endpointsOf: EndpointsOf): number {
  const asked = new Map<Address, Set<number>>()
  for (const { address, port } of flows) {
    const ports = asked.get(address)
    if (ports) ports.add(port)
    else asked.set(address, new Set([port]))
  }
  let forgotten = 0
  for (const filter of questionsFor(asked, () => conntrack.count()))
    for (const connection of conntrack.list(filter)) {
      const { destination, destinationPort } = connection.original
      if (!asked.get(destination)?.has(destinationPort)) continue
      if (isStale(connection, endpointsOf) && conntrack.delete(connection)) forgotten++
    }
  return forgotten
}

/**
 * What counts is who really serves, the source of the replies. Where the translation is missing that is the service's own address, which
 * is none of its endpoints; a masqueraded sender is in the destination of the replies.
 */
export function isStale({ protocol, original, reply }: Connection, endpointsOf: EndpointsOf): boolean {
  if (protocol !== protocols.UDP) return false
  const endpoints = endpointsOf({ address: original.destination, protocol: 'UDP', port: original.destinationPort })
  return endpoints !== undefined && !endpoints.has(endpointValue(packAddress(reply.source), reply.sourcePort))
}

type PortsByAddress = ReadonlyMap<Address, ReadonlySet<number>>

/**
 * For every question the kernel walks its whole table, whatever it is asked for: 3.3 ms, and 0.06 µs for each entry there is. An entry that it gives us
 * takes 1.7 µs. So a few questions are asked one by one, and beyond that it is one for everything.
 */
const entriesPerWalk = 2000
const entriesWalked = 27

/** What to ask the kernel for, so that all entries of these flows are among the answers: the least work for a table of so many entries. */
export function questionsFor(asked: PortsByAddress, entries: () => number): readonly ConnectionFilter[] {
  return ([4, 6] as const).flatMap((version) => {
    const single = singleQuestions(version, new Map([...asked].filter(([address]) => family(address) === version)))
    if (single.length <= 1) return single
    const all = entries()
    return single.length <= 1 + all / (entriesPerWalk + all / entriesWalked) ? single : [udp(version)]
  })
}

/** Many services have one port (53), and one address has many node ports: the kernel is asked for whichever are fewer. */
function singleQuestions(version: Family, asked: PortsByAddress): readonly ConnectionFilter[] {
  const ports = new Set([...asked.values()].flatMap((ports) => [...ports]))
  // IPv6 addresses it cannot look for (see writeDump).
  if (version === 6 || ports.size < asked.size)
    return [...ports].map((destinationPort) => ({ ...udp(version), destinationPort }))
  return [...asked].map(([destination, ports]) => {
    const [destinationPort, ...others] = ports
    const only = destinationPort !== undefined && others.length === 0
    return { ...udp(version), destination, ...(only ? { destinationPort } : {}) }
  })
}

function udp(version: Family): ConnectionFilter {
  return { family: version, protocol: protocols.UDP }
}
