import { createServer, type Server } from 'node:net'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import type { Endpoint } from '../../src/api/objects/endpointslice.ts'
import type { Service, ServiceSpec } from '../../src/api/objects/service.ts'
import { type Address, address, cidr } from '../../src/base/address.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, listenTcp } from '../../src/kernel/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { model } from '../../src/proxy/model.ts'
import { type Fault, faults } from './trace-random-faults.ts'
import type { Random } from './trace-random-dice.ts'
import { World } from './trace-world.ts'

/** A cluster as it came out of the dice: pods that listen or do not, services of all kinds over them, and what is broken. */
export class RandomWorld extends World {
  readonly #servers: (Server | UdpSocket)[] = []
  readonly broken: Fault[] = []

  constructor(random: Random) {
    super()
    quickly(this.routerNetns)
    quickly(this.outside.ns)
    for (const node of this.nodes) quickly(this.node(node.metadata.name))
    for (let n = 1; n <= random.from(5, 7); n++) this.#randomPod(random, `p${n}`)
    // The machine itself has programs, too: of pods that use its network.
    for (const { metadata } of this.nodes) this.#serve(this.node(metadata.name), 'tcp', '0.0.0.0', 9100)
    for (let n = 1; n <= random.from(6, 12); n++) this.#randomService(random, n)
    this.teachAll()
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

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close()
    await super[Symbol.asyncDispose]()
  }

  #randomPod(random: Random, name: string): void {
    const node = random.pick(this.nodes).metadata.name
    const hostPorts = random.chance(0.3) ? [{ hostPort: 8000 + this.pods.length, containerPort: 8080 }] : []
    const ns = this.pod(name, node, { app: name }, 'shop', { hostPorts })
    quickly(ns)
    if (random.chance(0.8)) this.#serve(ns, 'tcp', random.chance(0.15) ? '127.0.0.1' : '0.0.0.0', 8080)
    if (random.chance(0.6)) this.#serve(ns, 'udp', '0.0.0.0', 7007)
    if (random.chance(0.3)) this.#serve(ns, 'silent', '0.0.0.0', 5050)
  }

  #randomService(random: Random, n: number): void {
    const type = random.pick(['ClusterIP', 'ClusterIP', 'NodePort', 'LoadBalancer', 'headless'] as const)
    const udp = random.chance(0.3)
    const protocol = udp ? ('UDP' as const) : ('TCP' as const)
    const targetPort = random.pick(udp ? [7007, 7007, 7007, 5050, 7008] : [8080, 8080, 8080, 8080, 9999])
    const external = type === 'NodePort' || type === 'LoadBalancer'
    const ingress = [{ ip: `203.0.113.${n}` }]
    const clusterIP = type === 'headless' ? 'None' : `100.64.1.${n}`
    const spec: ServiceSpec = {
      type: type === 'headless' ? 'ClusterIP' : type,
      clusterIP,
      clusterIPs: [clusterIP],
      selector: { app: `s${n}` },
      ports: [{ port: 80, targetPort, protocol, ...(external && { nodePort: 30_000 + n }) }],
      ...(random.chance(0.3) && { internalTrafficPolicy: 'Local' as const }),
      ...(external && random.chance(0.4) && { externalTrafficPolicy: 'Local' as const }),
      ...(random.chance(0.25) && { sessionAffinity: 'ClientIP' as const }),
      ...(type !== 'headless' && random.chance(0.2) && { externalIPs: [`203.0.113.${100 + n}`] }),
      ...(type === 'LoadBalancer' &&
        random.chance(0.4) && {
          loadBalancerSourceRanges: random.pick([
            ['100.96.1.0/24'],
            ['192.168.50.0/24'],
            ['198.51.100.0/24'],
            ['0.0.0.0/0'],
          ]),
        }),
    }
    const metadata = { name: `s${n}`, namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' }
    const service: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec,
      ...(type === 'LoadBalancer' && { status: { loadBalancer: { ingress } } }),
    }
    this.services.push(service)
    const chosen = this.pods.filter(() => random.chance(0.35))
    const endpoints: Endpoint[] = chosen.map((pod) => ({
      addresses: [pod.status?.podIP ?? ''],
      ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
      targetRef: { kind: 'Pod', name: pod.metadata.name, namespace: 'shop' },
      conditions: random.pick([
        { ready: true },
        { ready: true },
        { ready: true },
        {},
        { ready: false, serving: false },
        { ready: false, serving: true, terminating: true },
      ]),
    }))
    // A pod that is gone, and one that uses its node's network.
    if (random.chance(0.1))
      endpoints.push({ addresses: [random.pick(['100.96.1.200', '100.96.2.200'])], conditions: { ready: true } })
    if (!udp && random.chance(0.1))
      endpoints.push({ addresses: ['192.168.50.12'], nodeName: 'node2', conditions: { ready: true } })
    this.slices.push({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `s${n}-x`, namespace: 'shop', labels: { 'kubernetes.io/service-name': `s${n}` } },
      addressType: 'IPv4',
      ports: [{ name: '', port: targetPort, protocol }],
      endpoints,
    })
  }

  #serve(ns: Netns, kind: 'tcp' | 'udp' | 'silent', host: string, port: number): void {
    const at: Address = address(host)
    if (kind === 'tcp') {
      const server = createServer((socket) => void socket.on('error', () => socket.destroy()).end())
      server.listen({ fd: listenTcp(ns, at, port) })
      this.#servers.push(server)
      return
    }
    const udp = createSocket('udp4')
    udp.bind({ fd: bindUdp(ns, at, port) })
    if (kind === 'udp') udp.on('message', (message, { address: to, port: of }) => udp.send(message, of, to))
    this.#servers.push(udp)
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
