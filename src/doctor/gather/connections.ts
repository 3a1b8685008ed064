import { type Address, type Cidr, contains, hostPort } from '../../base/address.ts'
import type { Connection } from '../../kernel/conntrack/connection.ts'
import { openConntrack } from '../../kernel/conntrack/socket.ts'
import type { Tuple } from '../../kernel/conntrack/tuple.ts'
import type { Netns } from '../../kernel/netns.ts'
import { hasSysctl, readSysctl } from '../../kernel/sysctl.ts'
import type { ConnectionFact, ConnectionFacts, ConnectionGroup } from '../facts.ts'

const mostGroups = 2000
const mostSamples = 3
const protocols: Readonly<Record<number, ConnectionGroup['protocol']>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' }

/** The connection table's part that concerns services, and what nobody answers, counted by whom clients asked and who serves. */
export async function readConnections(ns: Netns | undefined, services: readonly Cidr[]): Promise<ConnectionFacts> {
  using conntrack = openConntrack(ns)
  const count = conntrack.count()
  const groups = new Groups(services, Date.now())
  if (count > 0) for await (const some of conntrack.listSlowly()) for (const one of some) groups.add(one)
  const limit = 'net.netfilter.nf_conntrack_max'
  const max = hasSysctl(limit, ns) ? Number(readSysctl(limit, ns)) : undefined
  const all = groups.list()
  return {
    count,
    ...(max !== undefined && { max }),
    groups: all.slice(0, mostGroups),
    truncated: all.length > mostGroups,
  }
}

interface Group extends Omit<ConnectionGroup, 'clients' | 'oldestSeconds'> {
  count: number
  established: number
  unanswered: number
  packets?: number
  bytes?: number
  began: number | undefined
  readonly senders: Set<Address>
  readonly samples: ConnectionFact[]
}

/** Pure, so that a table of any shape can be tried. `now`: milliseconds since 1970. */
export class Groups {
  readonly #groups = new Map<string, Group>()
  readonly #services: readonly Cidr[]
  readonly #now: number

  constructor(services: readonly Cidr[], now: number) {
    this.#services = services
    this.#now = now
  }

  add(one: Connection): void {
    const { original, reply, status, details } = one
    const protocol = protocols[one.protocol]
    const answered = status.has('seenReply')
    const translated = status.has('dnat')
    if (protocol === undefined) return
    if (answered && !translated && !this.#services.some((range) => contains(range, original.destination))) return
    const key = `${protocol} ${original.destination} ${original.destinationPort} ${reply.source} ${reply.sourcePort}`
    let group = this.#groups.get(key)
    if (!group) {
      group = {
        protocol,
        address: original.destination,
        port: original.destinationPort,
        endpoint: reply.source,
        endpointPort: reply.sourcePort,
        count: 0,
        established: 0,
        unanswered: 0,
        began: undefined,
        senders: new Set(),
        samples: [],
      }
      this.#groups.set(key, group)
    }
    const stands = protocol === 'tcp' ? details?.tcpState === 'ESTABLISHED' : answered
    group.count++
    if (stands) group.established++
    if (!answered) group.unanswered++
    group.senders.add(original.source)
    if (details?.counters) {
      group.packets = (group.packets ?? 0) + details.counters.packets
      group.bytes = (group.bytes ?? 0) + details.counters.bytes
    }
    if (details?.began !== undefined) group.began = Math.min(group.began ?? details.began, details.began)
    group.samples.push(factOf(one, this.#now))
    // The kernel sets the time again with each packet: what has most of it left was used last.
    group.samples.sort((a, b) => (b.timeoutSeconds ?? 0) - (a.timeoutSeconds ?? 0)).splice(mostSamples)
  }

  list(): ConnectionGroup[] {
    return [...this.#groups.values()]
      .map(({ senders, began, ...group }) => ({
        ...group,
        clients: senders.size,
        ...(began !== undefined && { oldestSeconds: Math.max(0, Math.round((this.#now - began) / 1000)) }),
      }))
      .sort((a, b) => b.count - a.count)
  }
}

function factOf({ original, reply, status, timeoutSeconds, details }: Connection, now: number): ConnectionFact {
  const { tcpState, counters, began } = details ?? {}
  return {
    original: textOf(original),
    reply: textOf(reply),
    answered: status.has('seenReply'),
    ...(tcpState !== undefined && { state: tcpState }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(began !== undefined && { ageSeconds: Math.max(0, Math.round((now - began) / 1000)) }),
    ...counters,
  }
}

function textOf({ source, sourcePort, destination, destinationPort }: Tuple): string {
  return `${hostPort(source, sourcePort)} > ${hostPort(destination, destinationPort)}`
}
