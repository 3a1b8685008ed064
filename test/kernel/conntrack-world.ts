import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'
import { type Address, address, type Cidr, cidr, type Family } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { concat, type Packed, packAddress, packBe16, packU8 } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Op } from '../../src/kernel/nftables/transaction.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'

const protocols = { tcp: 6, udp: 17 } as const

interface Place {
  readonly client: Address
  readonly node: Address
  readonly endpoints: readonly [Address, Address]
  readonly services: readonly [Address, Address]
  /** Everything above. */
  readonly range: Cidr
}

/** Who is where in {@link ConntrackWorld}. */
export const places: Readonly<Record<Family, Place>> = {
  4: {
    client: address('10.1.0.2'),
    node: address('10.1.0.1'),
    endpoints: [address('10.2.0.1'), address('10.2.0.2')],
    services: [address('10.3.0.1'), address('10.3.0.2')],
    range: cidr('10.0.0.0/8'),
  },
  6: {
    client: address('fd01::2'),
    node: address('fd01::1'),
    endpoints: [address('fd02::1'), address('fd02::2')],
    services: [address('fd03::1'), address('fd03::2')],
    range: cidr('fd00::/8'),
  },
}

/**
 * A client, and a node that translates services into endpoints as a map says. The endpoints are the node's own addresses: each says its
 * name to whoever asks, on UDP 5353 and TCP 8080.
 */
export class ConntrackWorld implements AsyncDisposable {
  readonly node: Netns = createNetns()
  readonly client: Netns = createNetns()
  readonly #open: (Server | Socket | TcpSocket)[] = []

  constructor() {
    using node = openRouteSocket(this.node)
    using client = openRouteSocket(this.client)
    node.apply(
      setLink('lo', { up: true }),
      addLink({ kind: 'veth', name: 'eth0', up: true, peer: { name: 'eth0', ns: this.client } }),
    )
    client.apply(setLink('eth0', { up: true }))
    const [at, there] = [node.link('eth0')?.index ?? 0, client.link('eth0')?.index ?? 0]
    for (const version of [4, 6] as const) {
      const place = places[version]
      const prefix = version === 4 ? 24 : 64
      node.apply(addAddress({ index: at, address: place.node, prefix }))
      client.apply(
        addAddress({ index: there, address: place.client, prefix }),
        addRoute({ to: place.range, via: place.node }),
      )
      for (const endpoint of place.endpoints) {
        node.apply(addAddress({ index: 1, address: endpoint, prefix: version === 4 ? 32 : 128 }))
        this.#serve(endpoint)
      }
    }
    for (const socket of [node, client]) socket.settle('eth0')
    for (const version of [4, 6] as const) this.#translate(version)
  }

  #translate(of: Family): void {
    using nftables = openNftables(this.node)
    const type = of === 4 ? ('ipv4_addr' as const) : ('ipv6_addr' as const)
    const words = of === 4 ? 1 : 4
    const rule: Expr[] = [
      { kind: 'payload', base: 'network', offset: of === 4 ? 16 : 24, length: words * 4, to: 0 },
      { kind: 'meta', key: 'l4proto', to: words },
      { kind: 'payload', base: 'transport', offset: 2, length: 2, to: words + 1 },
      { kind: 'lookup', set: 'services', from: 0, to: 0 },
      { kind: 'nat', type: 'dnat', family: of === 4 ? 'ip' : 'ip6', address: 0, port: words, flags: [] },
    ]
    const ops: Op[] = [
      { op: 'add table' },
      {
        op: 'add set',
        set: { name: 'services', key: [type, 'inet_proto', 'inet_service'], data: [type, 'inet_service'] },
      },
      {
        op: 'add chain',
        chain: { name: 'nat', hook: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' } },
      },
      { op: 'add rule', chain: 'nat', rule: { exprs: rule } },
    ]
    nftables.apply({ table: tableOf(of), ops })
  }

  #serve(at: Address): void {
    const udp = createSocket(at.includes(':') ? 'udp6' : 'udp4')
    udp.bind({ fd: bindUdp(this.node, at, 5353) })
    udp.on('message', (_, from) => udp.send(at, from.port, from.address))
    const tcp = createServer((socket) => {
      this.#open.push(socket)
      socket.on('data', () => socket.write(at))
    })
    tcp.listen({ fd: listenTcp(this.node, at, 8080) })
    this.#open.push(udp, tcp)
  }

  /** From now on new connections to this address go there; to nowhere without `endpoint`. */
  serve(protocol: 'udp' | 'tcp', service: Address, port: number, endpoint?: Address): void {
    using nftables = openNftables(this.node)
    const key = concat(packAddress(service), packU8(protocols[protocol]), packBe16(port))
    const set = 'services'
    const was = this.#served.get(key)
    const ops: Op[] = was === undefined ? [] : [{ op: 'delete elements', set, elements: [{ key, data: was }] }]
    this.#served.delete(key)
    if (endpoint !== undefined) {
      const data = concat(packAddress(endpoint), packBe16(protocol === 'udp' ? 5353 : 8080))
      ops.push({ op: 'add elements', set, elements: [{ key, data }] })
      this.#served.set(key, data)
    }
    nftables.apply({ table: tableOf(service.includes(':') ? 6 : 4), ops })
  }
  readonly #served = new Map<Packed, Packed>()

  /** A client with a port of its own: it sends a datagram, and hears who answers it. */
  udpClient(of: Family): UdpClient {
    const socket = createSocket(of === 4 ? 'udp4' : 'udp6')
    socket.bind({ fd: bindUdp(this.client, places[of].client, 0) })
    this.#open.push(socket)
    const tell = (to: Address, port: number): void => socket.send('who is there?', port, to)
    return {
      port: socket.address().port,
      tell,
      async ask(to, port) {
        const heard = once(socket, 'message')
        tell(to, port)
        return String((await heard)[0])
      },
    }
  }

  /** A connection on which every word is answered with the name of who serves it. */
  async tcpClient(to: Address, port: number): Promise<() => Promise<string>> {
    const socket = connectTcp({ ns: this.client, address: to, port }).setEncoding('utf8')
    this.#open.push(socket)
    await once(socket, 'connect')
    return async () => {
      const heard = once(socket, 'data')
      socket.write('who is there?')
      return String((await heard)[0])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A server is closed once its connections are.
    for (const each of this.#open) if ('destroy' in each) each.destroy()
    for (const each of this.#open) {
      if ('destroy' in each) continue
      each.close()
      await once(each as Server, 'close')
    }
    this.client.close()
    this.node.close()
  }
}

export interface UdpClient {
  readonly port: number
  /** Sends without waiting for an answer. */
  tell(to: Address, port: number): void
  ask(to: Address, port: number): Promise<string>
}

function tableOf(of: Family): { family: 'ip' | 'ip6'; name: string } {
  return { family: of === 4 ? 'ip' : 'ip6', name: 'services' }
}
