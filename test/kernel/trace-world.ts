import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explain } from '../../src/doctor/explain.ts'
import { cidr, formatCidr } from '../../src/base/address.ts'
import { makeLog } from '../../src/base/log.ts'
import { openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { layOutside, type Outside } from '../../src/lab/outside.ts'
import { parseSettings, routerAddress, type Settings } from '../../src/lab/settings.ts'
import { layWire, type Wire } from '../../src/lab/wire.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { model } from '../../src/proxy/model.ts'
import { balancedRoutes } from '../../src/routes/balanced.ts'
import { routesOf } from '../../src/routes/model.ts'
import { applyRoutes } from '../../src/routes/start.ts'
import { type Agent, localAgent } from '../../src/trace/agent.ts'
import { traceRequest, type TraceOptions } from '../../src/trace/coordinate.ts'
import type { TraceEnvironment } from '../../src/trace/observe/environment.ts'
import type { Trace } from '../../src/trace/types.ts'
import { Objects, type PodExtra, podObject } from './trace-objects.ts'
import { Programs } from './trace-programs.ts'

const { table } = families[4]

/** Nodes, a router and pods in namespaces of their own, made by the same parts as a lab's; programs in pods are real processes. */
export class World extends Objects implements AsyncDisposable {
  readonly #settings: Settings
  readonly #home = createNetns()
  readonly #wire: Wire
  readonly #log = makeLog('test', 'warn')
  readonly #folder = mkdtempSync(join(tmpdir(), 'kubehop-trace-'))
  readonly #networks = new Map<string, PodNetwork>()
  readonly #netns = new Map<string, Netns>()
  readonly #programs = new Programs()
  #outside: (Outside & { agent: Agent }) | undefined
  readonly agents: Map<string, Agent> = new Map()
  readonly router: Agent
  resolvConf: string = ''

  constructor(nodes = 2) {
    super()
    this.#settings = parseSettings({ nodes: String(nodes) })
    this.#wire = inNetns(this.#home, () => layWire(this.#settings))
    using router = openRouteSocket(this.#wire.router)
    for (const [at, { name, address: ip, ns }] of this.#wire.nodes.entries()) {
      const range = cidr(`100.96.${at + 1}.0/24`)
      const network = openPodNetwork({ podCidr: range, stateDir: join(this.#folder, name), ns, log: this.#log })
      this.#networks.set(name, network)
      router.apply(addRoute({ to: range, via: ip }))
      // Three questions without an answer take three seconds otherwise.
      writeSysctl('net.ipv4.neigh.cbr0.retrans_time_ms', 50, ns)
      this.agents.set(name, localAgent(this.#environment(name, 'node', ns)))
      this.nodes.push({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name },
        spec: { podCIDR: formatCidr(range) },
        status: { addresses: [{ type: 'InternalIP', address: ip }] },
      })
    }
    this.router = localAgent(this.#environment('router', 'router', this.#wire.router))
    this.teach()
  }

  /** A pod, and its namespace: its own, or with `hostNetwork` its node's. */
  pod(
    name: string,
    node: string,
    labels: Record<string, string> = {},
    namespace = 'shop',
    extra: PodExtra = {},
  ): Netns {
    const key = `${namespace}/${name}`
    const network = this.#networks.get(node)
    const at = this.#wire.nodes.find((one) => one.name === node)
    if (!network || !at) throw new Error(`no ${node}`)
    const { hostNetwork, hostPorts = [] } = extra
    const netns = hostNetwork ? at.ns : createNetns()
    const ip = hostNetwork
      ? at.address
      : network.add({
          id: key.replace('/', '-'),
          netns,
          ...(extra.bandwidth && { bandwidth: { ingress: { rate: 100_000_000 }, egress: { rate: 100_000_000 } } }),
          hostPorts: hostPorts.map((one) => ({ ...one, protocol: 'TCP' as const })),
        }).address
    if (!hostNetwork) writeSysctl('net.ipv4.neigh.eth0.retrans_time_ms', 50, netns)
    this.#netns.set(key, netns)
    this.pods.push(podObject(name, node, ip, { ...extra, labels, namespace }))
    return netns
  }

  /** The pod ends: its namespace and its cable go, the object stays for a while. */
  end(name: string, namespace = 'shop'): void {
    const key = `${namespace}/${name}`
    const node = this.pods.find(({ metadata }) => metadata.name === name)?.spec.nodeName ?? ''
    this.#networks.get(node)?.del(key.replace('/', '-'))
    this.#netns.get(key)?.close()
    this.#netns.delete(key)
  }

  /** A pod's namespace, a node's, the router's or that of the machine outside. */
  netns(name: string, namespace = 'shop'): Netns {
    if (name === 'outside') return this.outside.ns
    if (name === 'control') return this.#home
    return this.#netns.get(`${namespace}/${name}`) ?? this.node(name)
  }

  /** The machine beyond the router; made when it is asked for first. */
  get outside(): Outside & { agent: Agent } {
    if (!this.#outside) {
      const outside = layOutside(this.#wire.router)
      this.#outside = { ...outside, agent: localAgent(this.#environment('outside', 'outside', outside.ns)) }
    }
    return this.#outside
  }

  /** Puts the services into both nodes' kernels, and load balancers' addresses into the router's table. */
  teach(): void {
    using router = openRouteSocket(this.#wire.router)
    applyRoutes(router, {
      routes: balancedRoutes(this.services, this.nodes, this.slices, routesOf(this.nodes).routes),
      skipped: [],
    })
    for (const { name, ns, address } of this.#wire.nodes) {
      using nft = openNftables(ns)
      const ruleset = model(this.services, this.slices, {
        name,
        podCidr: this.#settings.podCidr,
        serviceCidr: this.#settings.serviceCidr,
        nodePortAddresses: [address],
        addresses: [address],
      })
      nft.apply(diff(nft.read(table), ruleset))
    }
  }

  /** A program in a pod, or on a machine; resolves when it says its first word. */
  program(place: string, script: string): Promise<ChildProcess> {
    return this.#programs.start(this.netns(place), script)
  }

  web(pod: string, port = 8080, host = '0.0.0.0'): Promise<ChildProcess> {
    return this.program(
      pod,
      `require('http').createServer((q, r) => r.end('hello')).listen(${port}, '${host}', () => console.log('ready'))`,
    )
  }

  /** Sends each datagram back to who sent it. */
  echo(pod: string, port: number): Promise<ChildProcess> {
    return this.program(
      pod,
      `const s = require('dgram').createSocket('udp4')
      s.on('message', (m, r) => s.send(m, r.port, r.address)).bind(${port}, () => console.log('ready'))`,
    )
  }

  trace(
    from: string,
    to: string,
    {
      agents = this.agents,
      ...options
    }: {
      timeoutMs?: number
      dryRun?: boolean
      count?: number
      sizes?: boolean | number
      signal?: AbortSignal
      agents?: ReadonlyMap<string, Agent>
    } = {},
  ): Promise<Trace> {
    return traceRequest({ ...this.around(agents), from, to, ...options })
  }

  /** What every trace here is asked with. */
  around(agents: ReadonlyMap<string, Agent> = this.agents): Omit<TraceOptions, 'from' | 'to'> {
    return {
      client: this.client,
      namespace: 'shop',
      ranges: { pods: this.#settings.podCidr, services: this.#settings.serviceCidr, nodes: this.#settings.nodeCidr },
      places: {
        node: (name) => agents.get(name),
        router: { name: 'router', address: routerAddress(this.#settings), agent: this.router },
        outside: async () => this.outside,
      },
      explain,
      log: this.#log,
    }
  }

  get routerNetns(): Netns {
    return this.#wire.router
  }

  /** A node's namespace, or the router's. */
  node(name: string): Netns {
    if (name === 'router') return this.#wire.router
    const found = this.#wire.nodes.find((node) => node.name === name)
    if (!found) throw new Error(`no ${name}`)
    return found.ns
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs.end()
    for (const network of this.#networks.values()) network.close()
    for (const ns of [
      ...this.#netns.values(),
      this.#wire.router,
      ...this.#wire.nodes.map(({ ns: one }) => one),
      this.#home,
      ...(this.#outside ? [this.#outside.ns] : []),
    ])
      ns.close()
    rmSync(this.#folder, { recursive: true })
  }

  #environment(node: string, kind: TraceEnvironment['kind'], ns: Netns): TraceEnvironment {
    return {
      node,
      kind,
      ns,
      podNetns: (pod) => this.#netns.get(pod),
      podFile: (pod, file) =>
        file === 'resolv.conf'
          ? this.resolvConf
          : `127.0.0.1\tlocalhost\n${this.addressOf(pod.split('/')[1] ?? '')}\t${pod.split('/')[1]}\n`,
      machineFile: (file) => (file === 'hosts' || kind !== 'node' ? '127.0.0.1\tlocalhost\n' : this.resolvConf),
    }
  }
}
