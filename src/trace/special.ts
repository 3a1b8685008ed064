import { type Address, address, cidr, contains, formatCidr, nth, parseCidr, size } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { type Cluster, ownerOf } from './cluster/cluster.ts'
import type { Ranges } from './predict/ranges.ts'

// Destinations that are no machine's (RFC 6890). Whatever else is in those registers, a kernel routes as any other address.

const thisHost = address('0.0.0.0')
/** RFC 1122, 3.2.1.3 (g): never leaves a machine. */
export const loopback: Address = address('127.0.0.1')
/** Said wherever {@link oneMachine} took one for the other. */
export const sayThisHost: string = `${thisHost} is nobody’s address: as a destination it means the sender itself, and its kernel sends to ${loopback}`
const multicast = cidr('224.0.0.0/4')
const limitedBroadcast = address('255.255.255.255')

export function isThisHost(text: string): boolean {
  return text === thisHost
}

/**
 * Where a kernel sends what is for an address: 0.0.0.0 as a destination is the machine itself (Linux, ip_route_output_key_hash_rcu).
 * @throws KubehopError for what is for many machines at once: TCP forbids it (RFC 1122, 4.2.3.10), a socket may not without asking for
 * it (SO_BROADCAST), no router passes it on (RFC 2644), and a trace follows one packet to one machine.
 */
export function oneMachine(cluster: Cluster, ranges: Ranges, to: Address, text: string): Address {
  if (to === thisHost) return loopback
  const many = contains(multicast, to)
    ? `a multicast address (${formatCidr(multicast)})`
    : to === limitedBroadcast
      ? 'the broadcast address of every wire'
      : broadcastOf(cluster, ranges, to)
  if (many === undefined) return to
  const which = text.includes(to) ? '' : ` leads to ${to}, and that`
  const subject = which === '' ? `${to} is` : `"${text}"${which} is`
  const say = `${subject} ${many}: what is sent there is for many machines at once, and a trace follows one packet to one machine; write the address of one of them`
  throw new KubehopError('trace', 'send the request', 'ManyMachines', which === '' ? `"${text}": ${say}` : say)
}

/** Directed broadcast (RFC 919): the last address of a wire's range. Ranges of two addresses or one have none (RFC 3021). */
function broadcastOf(cluster: Cluster, { nodes: wire }: Ranges, to: Address): string | undefined {
  if (ownerOf(cluster, to).kind !== 'unknown') return undefined
  const ofPods = cluster.nodes.flatMap((node) => {
    const range = parseCidr(node.spec?.podCIDR ?? '')
    return range ? [{ range, of: `the pods of ${node.metadata.name}` }] : []
  })
  const wires = [
    ...(wire ? [{ range: wire, of: 'the nodes’ wire' }] : []),
    ...ofPods,
    { range: cidr('127.0.0.0/8'), of: 'the loopback device' },
  ]
  const found = wires.find(
    ({ range }) => range.family === 4 && range.prefix < 31 && nth(range, size(range) - 1n) === to,
  )
  return found && `the broadcast address of ${found.of} (${formatCidr(found.range)})`
}
