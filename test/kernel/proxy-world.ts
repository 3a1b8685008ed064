import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { address, cidr } from '../../src/base/address.ts'
import type { Log } from '../../src/base/log.ts'
import { openPodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { friend, nodeAddress, otherAddress, ownAddresses, ownVip, passerBy, router, stranger } from '../rows/places.ts'
import { type Answer, askTcp, askUdp, Servers } from './proxy-servers.ts'

export const log: Log = pino({ level: process.env['KUBEHOP_LOG'] ?? 'silent' })

/**
 * A node with five pods, 100.96.1.2 to .6, and two cables out of it: one to machines that send everything by way of the node, and one to
 * a namespace that is the router and everybody else at once: pods of other nodes, load balancers, the internet. Pods serve TCP 8080 and
 * 9090 and UDP 5353, and say who is who.
 *
 *     pods ── cbr0 ── node ── eth0 ── far       192.168.50.1 and everybodyElse
 *                          └─ eth1 ── outside   192.168.50.70, .77 and .90
 */
export class World implements AsyncDisposable {
  readonly node: Netns = createNetns()
  readonly far: Netns = createNetns()
  readonly outside: Netns = createNetns()
  readonly pods: Map<string, Netns> = new Map()
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'proxy-'))
  readonly #servers = new Servers()

  constructor() {
    this.#wire()
    const network = openPodNetwork({ podCidr: cidr('100.96.1.0/24'), stateDir: this.#stateDir, ns: this.node, log })
    for (let i = 0; i < 5; i++) {
      const ns = createNetns()
      this.pods.set(network.add({ id: `pod${i}`, netns: ns }).address, ns)
    }
    network.close()
    for (const at of [...this.pods.keys(), '100.96.2.2'])
      for (const [port, protocol] of [
        [8080, 'TCP'],
        [9090, 'TCP'],
        [5353, 'UDP'],
      ] as const)
        this.serve(at, port, protocol)
  }

  /** All namespaces: a packet arrives in one of them, or nowhere. */
  get everywhere(): Netns[] {
    return [this.node, this.far, this.outside, ...this.pods.values()]
  }

  #wire(): void {
    using node = openRouteSocket(this.node)
    using far = openRouteSocket(this.far)
    using outside = openRouteSocket(this.outside)
    node.apply(
      addLink({ kind: 'veth', name: 'eth0', up: true, peer: { name: 'eth0', ns: this.far } }),
      addLink({ kind: 'veth', name: 'eth1', up: true, peer: { name: 'eth0', ns: this.outside } }),
    )
    const have = (socket: RouteSocket, device: string, prefix: number, ...addresses: string[]): number => {
      const index = socket.link(device)?.index ?? 1
      socket.apply(
        setLink(index, { up: true }),
        ...addresses.map((at) => addAddress({ index, address: address(at), prefix })),
      )
      return index
    }
    const beside = cidr('192.168.50.64/27')
    const everything = cidr('0.0.0.0/0')
    have(node, 'lo', 32, ownVip)
    have(node, 'eth0', 24, nodeAddress, otherAddress)
    const eth1 = have(node, 'eth1', 32)
    const lo = have(far, 'lo', 32)
    have(far, 'eth0', 24, router)
    have(outside, 'lo', 32)
    have(outside, 'eth0', 24, friend, stranger, passerBy)
    // All ends are up only now; until the kernel has seen to the cables it drops what is sent.
    for (const socket of [node, far, outside]) socket.settle('eth0')
    node.settle('eth1')
    node.apply(addRoute({ to: everything, via: address(router) }), addRoute({ to: beside, index: eth1 }))
    outside.apply(addRoute({ to: everything, via: address(nodeAddress) }))
    for (const to of ['100.96.1.0/24', '100.64.0.0/13', '192.168.51.0/24', '192.168.50.64/27'])
      far.apply(addRoute({ to: cidr(to), via: address(nodeAddress) }))
    // A loopback device has not only its own address but all of its range.
    for (const range of everybodyElse) {
      const { address: first, prefix } = cidr(range)
      far.apply(addAddress({ index: lo, address: first, prefix }))
    }
    // What comes from an address that it has itself is no reason to drop a packet: it has them all.
    writeSysctl('net.ipv4.conf.all.accept_local', 1, this.far)
    // A refusal of every datagram, not of a few in a second.
    writeSysctl('net.ipv4.icmp_ratemask', 0, this.node)
  }

  /** From now on somebody serves there; fine when repeated. */
  serve(at: string, port: number, protocol: 'TCP' | 'UDP'): void {
    this.#servers.serve(this.at(at), address(at), port, protocol)
  }

  /** The namespace that has this address. */
  at(of: string): Netns {
    if (ownAddresses.has(of)) return this.node
    if ([friend, stranger, passerBy].includes(of)) return this.outside
    return this.pods.get(of) ?? this.far
  }

  /** One connection, or one datagram; `nothing` when there was no answer in time (milliseconds). */
  async ask(
    from: string,
    to: string,
    port: number,
    protocol: string = 'TCP',
    patience: number = longPatience,
  ): Promise<Answer | 'refused' | 'nothing'> {
    const how = { ns: this.at(from), from: address(from), to: address(to), port, patience }
    return protocol === 'UDP' ? askUdp(how) : askTcp(how)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers.close()
    for (const ns of this.everywhere) ns.close()
    rmSync(this.#stateDir, { recursive: true })
  }
}

/** Pods of other nodes, load balancers, external addresses, and what lies around the service range. */
const everybodyElse = [
  '100.96.2.0/24',
  '100.97.0.0/16',
  '203.0.113.0/24',
  '198.51.100.0/24',
  '100.72.0.0/24',
  '10.1.2.0/24',
]

/** How long silence has to last where an answer is expected, and where it is not. Milliseconds. */
const longPatience = 10_000
export const shortPatience = 300

/** Followers tell in this turn, the proxy commits at its end. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}
