import { pino } from 'pino'
import { address, cidr } from '../../src/base/address.ts'
import { defaults } from '../../src/dns/config/config.ts'
import { type Dns, startDns } from '../../src/dns/dns.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, listenTcp } from '../../src/kernel/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { model } from '../../src/proxy/model.ts'
import { balancedRoutes } from '../../src/routes/balanced.ts'
import { applyRoutes } from '../../src/routes/start.ts'
import type { Random } from './trace-random-dice.ts'
import { type Fault, faults } from './trace-random-faults.ts'
import { Servers } from './trace-random-servers.ts'
import { randomService } from './trace-random-services.ts'
import { World } from './trace-world.ts'

/**
 * A cluster as it came out of the dice: one to three nodes, pods that listen or do not, some on their node's own network, services of all
 * kinds over them, a name server, and what is broken.
 */
export class RandomWorld extends World {
  readonly #servers = new Servers()
  readonly broken: Fault[] = []
  #dns: Dns | undefined

  static async roll(random: Random): Promise<RandomWorld> {
    const world = new RandomWorld(random.pick([1, 2, 2, 3, 3, 3]))
    try {
      await world.#fill(random)
      return world
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
  }

  async #fill(random: Random): Promise<void> {
    quickly(this.routerNetns)
    quickly(this.outside.ns)
    for (const { metadata } of this.nodes) {
      quickly(this.node(metadata.name))
      this.#servers.machine(this.node(metadata.name))
    }
    for (let n = random.from(5, 7); n > 0; n--) await this.#randomPod(random, `p${n}`)
    for (const [at, { metadata }] of this.nodes.entries())
      if (random.chance(0.4)) {
        const ns = this.pod(`h${at + 1}`, metadata.name, { app: 'h' }, 'shop', { hostNetwork: true })
        await this.#servers.populate(ns, random)
      }
    for (let n = random.from(8, 14); n > 0; n--) randomService(this, random, n)
    this.#servers.api(this.netns('control'))
    this.service('kubernetes', '100.64.0.1', 443, 6443, [], {}, 'default')
    this.slices.at(-1)?.endpoints.push({ addresses: ['192.168.50.2'], conditions: { ready: true } })
    await this.#names(random)
    this.teachAll()
    this.#balance(random)
    for (let n = random.pick([0, 0, 1, 1, 2]); n > 0; n--) {
      const fault = random.pick(faults)
      // What is gone cannot be taken away again.
      if (this.broken.includes(fault) && !fault.again) continue
      this.broken.push(fault)
      fault.make(this, random)
    }
  }

  /** What a node's agent does: rules for the node as its Node object and its kernel are. */
  teachAll(): void {
    for (const node of this.nodes) {
      const { name } = node.metadata
      using socket = openRouteSocket(this.node(name))
      const own = socket.addresses().map(({ address: one }) => one)
      const addresses = own.filter((one) => !one.includes(':') && !one.startsWith('127.'))
      using nft = openNftables(this.node(name))
      const ownPodCidr = cidr(node.spec?.podCIDR ?? '')
      const ruleset = model(this.services, this.slices, {
        name,
        ownPodCidr,
        podCidr: cidr('100.96.0.0/11'),
        serviceCidr: cidr('100.64.0.0/13'),
        nodePortAddresses: [address(node.status?.addresses?.[0]?.address ?? '')],
        addresses,
      })
      nft.apply(diff(nft.read(families[4].table), ruleset))
    }
  }

  /** The address that others reach a node by. */
  addressOfNode(node: string): string {
    return this.nodes.find(({ metadata }) => metadata.name === node)?.status?.addresses?.[0]?.address ?? ''
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#servers.close()
    await this.#dns?.close()
    await super[Symbol.asyncDispose]()
  }

  async #randomPod(random: Random, name: string): Promise<void> {
    const node = random.pick(this.nodes).metadata.name
    const hostPorts = random.chance(0.3) ? [{ hostPort: 8000 + this.pods.length, containerPort: 8080 }] : []
    const ns = this.pod(name, node, { app: name }, 'shop', { hostPorts })
    quickly(ns)
    await this.#servers.populate(ns, random)
  }

  /** Nodes and pods ask one name server, in a pod like any other's: a question goes through the same services and faults. */
  async #names(random: Random): Promise<void> {
    const ns = this.pod('dns', random.pick(this.nodes).metadata.name, {}, 'kube-system')
    quickly(ns)
    const ports = [{ port: 53, targetPort: 53, protocol: 'UDP' as const }]
    this.service('kube-dns', '100.64.0.10', 53, 53, ['dns'], { ports }, 'kube-system')
    const all = address('0.0.0.0')
    this.#dns = await startDns({
      client: this.client,
      config: defaults,
      sockets: [{ udpFd: bindUdp(ns, all, 53), tcpFd: listenTcp(ns, all, 53) }],
      log: pino({ level: 'silent' }),
    })
    await this.#dns.synced
    this.resolvConf =
      'nameserver 100.64.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:1\n'
  }

  /** Load balancers' addresses lead to a node, and other outer addresses where somebody said so. */
  #balance(random: Random): void {
    using router = openRouteSocket(this.routerNetns)
    applyRoutes(router, { routes: balancedRoutes(this.services, this.nodes, this.slices, []), skipped: [] })
    for (const { spec } of this.services)
      for (const one of spec.externalIPs ?? [])
        if (random.chance(0.7))
          router.apply(
            addRoute({
              to: cidr(`${one}/32`),
              via: address(this.addressOfNode(random.pick(this.nodes).metadata.name)),
            }),
          )
  }
}

/** Three questions without an answer take three seconds otherwise; and a kernel says only so many times a second that there is no way. */
export function quickly(ns: Netns): void {
  for (const device of ['default', 'eth0', 'cbr0'])
    try {
      writeSysctl(`net.ipv4.neigh.${device}.retrans_time_ms`, 30, ns)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error
    }
  writeSysctl('net.ipv4.icmp_ratelimit', 0, ns)
}
