import { type Address, hostPort } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import type { Action, Because, Component, Ends, Hop } from '../types.ts'
import type { Machine } from './machine.ts'

/** Hops as they come about. */
export class Path {
  readonly hops: Hop[] = []

  add(machine: Machine, device: string, packet: Packet, told: Told): void {
    const { component, action, say, because, after } = told
    const { kind, node, name } = machine.place
    this.hops.push({
      node,
      place: kind === 'pod' ? name.slice(name.indexOf('/') + 1) : name,
      device,
      component,
      action,
      packet: endsOfPacket(packet),
      ...(after && { after: endsOfPacket(after) }),
      because,
      say,
    })
  }
}

export interface Told {
  readonly component: Component
  readonly action: Action
  readonly say: string
  readonly because: Because
  /** The packet as the hop leaves it, where it changes it. */
  readonly after?: Packet
}

export function endsOfPacket({ source, destination, sourcePort, destinationPort, protocol, state }: Packet): Ends {
  // An error about a connection goes by the connection's own way back.
  if (state === 'related') return { src: source, dst: destination, proto: 'icmp' }
  const proto = protocolNames[protocol] ?? `protocol ${protocol}`
  if (protocol === protocolNumbers.icmp) return { src: source, dst: destination, proto }
  return { src: withPort(source, sourcePort), dst: withPort(destination, destinationPort), proto }
}

/** In the place of a port that the kernel chooses when the packet is there: a masquerade's. In a {@link Packet} it is 0. */
export const anyPort = '*'

export function withPort(address: Address, port: number): string {
  return port === 0 ? `${hostPort(address, 1).slice(0, -1)}${anyPort}` : hostPort(address, port)
}

/** IANA's. */
export const protocolNumbers = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const
const protocolNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(protocolNumbers).map(([name, number]) => [number, name]),
)
