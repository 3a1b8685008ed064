import type { Packet } from '../../kernel/nftables/packet.ts'
import type { End } from './carriage.ts'
import { bridgeOf, type Machine, type MachineRoute } from './machine.ts'
import { Path } from './path.ts'
import { sayNoWay } from './say.ts'

/** Where a packet's way ends although no rule is against it, and what of a kernel says so. */
export class Endings extends Path {
  /** It is the answer. */
  protected readonly back: boolean

  constructor(back: boolean) {
    super()
    this.back = back
  }

  noWay(machine: Machine, packet: Packet): void {
    const told = sayNoWay(machine, packet.destination)
    this.add(machine, 'eth0', packet, { component: 'route', action: 'dropped', ...told })
  }

  /** Told is one round of it, and where its time to live ends; of an answer, nobody says where that is. */
  circle(machine: Machine, packet: Packet, round: { hops: number; last: Machine } | undefined): void {
    if (round) this.hops.splice(round.hops)
    this.add(this.back && round ? round.last : machine, 'eth0', packet, {
      component: 'route',
      action: 'dropped',
      say: 'it goes in a circle, and has passed as many machines as it may (its time to live is used up): thrown away',
      because: { kind: 'route', text: 'net.ipv4.ip_default_ttl: 64 machines' },
    })
  }

  notForwarding(machine: Machine, packet: Packet): void {
    this.add(machine, 'eth0', packet, {
      component: 'route',
      action: 'dropped',
      say: `${machine.place.name} does not forward: net.ipv4.ip_forward is 0`,
      because: { kind: 'route', text: 'net.ipv4.ip_forward = 0' },
    })
  }

  unanswered(machine: Machine, packet: Packet, route: MachineRoute): void {
    const { via, device = '' } = route
    const to = via ?? packet.destination
    this.add(machine, device, packet, {
      component: device === bridgeOf(machine)?.name ? 'bridge' : 'route',
      action: 'dropped',
      say: `"who has ${to}?": nobody answers`,
      because: { kind: 'neighbour', text: `no answer from ${to} on ${device}` },
    })
  }

  /** An Ethernet address was entered that no card on the wire has. */
  astray(machine: Machine, packet: Packet): End {
    this.add(machine, 'eth0', packet, {
      component: 'route',
      action: 'dropped',
      say: `no card there has the Ethernet address that was entered for ${packet.destination}, or for the way to it`,
      because: { kind: 'neighbour', text: 'an entry that is permanent' },
    })
    return { is: 'silent' }
  }

  noHairpin(node: Machine, pod: Machine, packet: Packet): void {
    this.add(node, bridgeOf(node)?.name ?? 'cbr0', packet, {
      component: 'bridge',
      action: 'dropped',
      say: 'it would have to leave by the port it came in by, and that port’s hairpin mode is off',
      because: { kind: 'neighbour', text: `${portOf(node, pod) ?? 'its port'}: hairpin off` },
    })
  }
}

export function portOf({ devices }: Machine, pod: Machine): string | undefined {
  return devices.find((device) => device.pod === pod.place.name)?.name
}
