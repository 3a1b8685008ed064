import { type Cidr, cidr } from '../../base/address.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import { leftAlone, sayFromItself } from '../cluster/left-alone.ts'
import { nameOf, podName } from '../cluster/names.ts'
import type { End } from './carriage.ts'
import { Endings, portOf } from './endings.ts'
import { bridgeOf, isStranger, type Machine, type MachineRoute } from './machine.ts'
import { endsOfPacket, withPort } from './path.ts'
import type { Decider } from './rules.ts'
import { sayChosen, sayNoWay, sayRefusal, saySent, sayStrange, sayStranger, sayWay, type Speaker } from './say.ts'

/** The hops of one packet, told as they happen: what a machine does, and which object or line of its kernel says so. */
export class Telling extends Endings {
  readonly #speaker: Speaker

  constructor(speaker: Speaker, back: boolean) {
    super(back)
    this.#speaker = speaker
  }

  sent(machine: Machine, device: string, packet: Packet): void {
    const { kind, name } = machine.place
    const component = kind === 'pod' ? 'pod' : 'app'
    const because = { kind: 'object', text: `${kind} ${name}` } as const
    this.add(machine, device, packet, {
      component,
      action: 'sent',
      say: saySent(this.#speaker, packet),
      because,
    })
  }

  /** The sender’s own kernel knows no way, or nobody answers it: nothing leaves. */
  unsent(machine: Machine, packet: Packet, route: MachineRoute | undefined): void {
    const to = route?.via ?? packet.destination
    const told =
      route?.kind === 'unicast'
        ? {
            say: `"who has ${to}?": nobody answers, so nothing can be sent`,
            because: { kind: 'neighbour', text: `no answer from ${to}` } as const,
          }
        : sayNoWay(machine, packet.destination)
    this.add(machine, route?.device ?? 'eth0', packet, { component: 'pod', action: 'dropped', ...told })
  }

  /** Nothing leaves the machine; what its rules made of the packet before is told. */
  stays(
    machine: Machine,
    made: Packet,
    packet: Packet,
    route: MachineRoute | undefined,
    by: Decider | undefined,
  ): void {
    if (packet.destination === made.destination) return this.unsent(machine, made, route)
    const device = route?.device ?? ''
    this.sent(machine, device, made)
    this.translated(machine, device, made, packet, by, 1)
    if (route?.kind === 'unicast') this.unanswered(machine, packet, route)
    else this.noWay(machine, packet)
  }

  cable(node: Machine, pod: Machine, packet: Packet): void {
    this.add(node, portOf(node, pod) ?? 'veth', packet, {
      component: 'veth',
      action: 'forwarded',
      say: `out of the other end of ${podName(this.#speaker, pod.place.name)}’s cable`,
      because: { kind: 'object', text: `pod ${pod.place.name}: nodeName ${node.place.name}` },
    })
  }

  toGateway(node: Machine, packet: Packet): void {
    this.add(node, bridgeOf(node)?.name ?? 'cbr0', packet, {
      component: 'bridge',
      action: 'forwarded',
      say: 'for no pod on this bridge: handed to the gateway, the node itself',
      because: { kind: 'object', text: `node ${node.place.name}: podCIDR ${this.#rangeOf(node)}` },
    })
  }

  /** `fromPod`: by the bridge from one of the machine's pods; else from its wire. */
  own(machine: Machine, packet: Packet, fromPod: boolean): void {
    const { destination } = packet
    this.add(machine, fromPod ? (bridgeOf(machine)?.name ?? 'cbr0') : 'eth0', packet, {
      component: fromPod ? 'bridge' : 'route',
      action: 'delivered',
      say: isStranger(machine)
        ? sayStranger(destination)
        : `for ${destination}, ${fromPod ? 'the node’s own address' : `${machine.place.name} itself`}`,
      because: {
        kind: 'object',
        text: `${nameOf(this.#speaker, destination) ?? machine.place.name} has ${destination}`,
      },
    })
  }

  way(machine: Machine, packet: Packet, route: MachineRoute): void {
    const { say, because } = sayWay(this.#speaker, machine, packet.destination, route)
    const { destination: to, destinationPort: port } = packet
    const { proto: protocol } = endsOfPacket(packet)
    const left =
      machine.place.kind === 'node'
        ? leftAlone(this.#speaker.cluster, this.#speaker.ranges, { to, port, protocol })
        : ''
    this.add(machine, route.device ?? 'eth0', packet, {
      component: 'route',
      action: 'forwarded',
      say: `${left}${say}`,
      because,
    })
  }

  port(node: Machine, pod: Machine, packet: Packet): void {
    // From objects alone a cable has no number.
    const port = node.known === 'kernel' ? portOf(node, pod) : undefined
    this.add(node, bridgeOf(node)?.name ?? 'cbr0', packet, {
      component: 'bridge',
      action: 'forwarded',
      say: `${packet.destination} is behind ${port ?? `${podName(this.#speaker, pod.place.name)}’s cable`}`,
      because: { kind: 'object', text: `pod ${pod.place.name}: podIP ${packet.destination}` },
    })
  }

  /** fib_validate_source: what is for the sender would not leave by the card that it came in by. */
  strange(machine: Machine, came: Packet, packet: Packet, device: string): End {
    this.translated(machine, device, came, packet, undefined, 1)
    const { say, text } = sayStrange(machine, packet.source, device)
    this.add(machine, device, packet, { component: 'route', action: 'dropped', say, because: { kind: 'route', text } })
    return { is: 'silent' }
  }

  /** fib_validate_source: a martian. */
  fromItself(machine: Machine, came: Packet, packet: Packet): End {
    this.translated(machine, '', came, packet, undefined, 1)
    this.add(machine, 'eth0', packet, {
      component: 'route',
      action: 'dropped',
      say: sayFromItself(machine.place.name, packet.source),
      because: { kind: 'object', text: `${machine.place.name} has ${packet.source}` },
    })
    return { is: 'silent' }
  }

  /** The destination first, then the sender, in the kernel's order. `of`: out of so many endpoints. */
  translated(
    machine: Machine,
    device: string,
    before: Packet,
    after: Packet,
    by: Decider | undefined,
    of: number,
  ): void {
    const middle = { ...before, destination: after.destination, destinationPort: after.destinationPort }
    const at = withPort(middle.destination, middle.destinationPort)
    if (at !== withPort(before.destination, before.destinationPort)) {
      const told = this.back
        ? {
            say: `put back: ${withPort(before.destination, before.destinationPort)} becomes ${at}, who asked`,
            because: remembered,
          }
        : by?.kind === 'host port'
          ? {
              say: `port ${before.destinationPort} of ${machine.place.name} is pod ${by.pod}’s: becomes ${at}`,
              because: { kind: 'object', text: `pod ${by.pod}: hostPort ${before.destinationPort}` } as const,
            }
          : sayChosen(this.#speaker, before, middle, of)
      this.add(machine, device, before, { component: 'proxy', action: 'translated', after: middle, ...told })
    }
    if (middle.source === after.source && middle.sourcePort === after.sourcePort) return
    const told = this.back
      ? {
          say: `put back: ${withPort(middle.source, middle.sourcePort)} becomes ${withPort(after.source, after.sourcePort)}, whom ${this.#speaker.source} asked`,
          because: remembered,
        }
      : {
          say: `the sender becomes ${after.source}, this node: the answer has to come back through here`,
          because: ruleOf(by),
        }
    this.add(machine, device, middle, { component: 'proxy', action: 'translated', after, ...told })
  }

  refused(machine: Machine, packet: Packet, how: string, by: Decider | undefined): void {
    const told = sayRefusal(this.#speaker, machine, packet, by)
    const { because } = told
    const say = this.back && by?.kind === 'table' ? 'a rule is against this answer' : told.say
    this.add(machine, '', packet, {
      component: by?.kind === 'table' ? 'policy' : 'proxy',
      action: how === 'drop' ? 'dropped' : 'rejected',
      say: `${say}: ${how === 'drop' ? 'thrown away' : how === 'tcp reset' ? 'refused with a TCP reset' : 'refused with an ICMP message'}`,
      because,
    })
  }

  #rangeOf({ place }: Machine): string {
    const node = this.#speaker.cluster.nodes.find(({ metadata }) => metadata.name === place.name)
    return node?.spec?.podCIDR ?? 'unknown'
  }
}

const remembered = { kind: 'conntrack', text: 'the node remembers the connection' } as const

function ruleOf(by: Decider | undefined): { kind: 'object' | 'rule'; text: string } {
  if (by?.kind === 'table') return { kind: 'rule', text: `${by.table} ${by.chain}: ${by.rule ?? ''}` }
  return { kind: 'object', text: by?.kind === 'services' && by.rule !== undefined ? by.rule : 'the services’ rules' }
}

/** A frame may leave a pod's port that it came in by. */
export function hairpinAt({ devices }: Machine, pod: Machine): boolean {
  return devices.find((device) => device.pod === pod.place.name)?.hairpin ?? true
}

export const everywhere: Cidr = cidr('0.0.0.0/0')
