import { pino } from 'pino'
import { address, cidr } from '../../src/base/address.ts'
import { openPodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { manyServed, served, serviceAddress } from '../services/make.ts'
import { type Features, openOurs } from '../services/ours.ts'
import { echoPort, greetPort, streamPort } from './ends.ts'

export interface Place {
  client: Netns
  server: Netns
  /** Where the server is reached directly. */
  address: string
}

/** The limit: a bridge and two cables made by hand, and no packet filter anywhere near the bridge. */
export function byHand(): Place {
  const node = createNetns()
  using socket = openRouteSocket(node)
  socket.apply(addLink({ kind: 'bridge', name: 'br0' }))
  writeSysctl('net.bridge.bridge-nf-call-iptables', 0, node)
  socket.apply(setLink('br0', { up: true }))
  const master = socket.link('br0')?.index
  if (master === undefined) throw new Error('br0 was made and is not there')
  const pods = ['10.9.0.2', '10.9.0.3'].map((text, at) => {
    const ns = createNetns()
    socket.apply(addLink({ kind: 'veth', name: `v${at}`, master, up: true, peer: { name: 'eth0', ns } }))
    using pod = openRouteSocket(ns)
    const index = pod.link('eth0')?.index ?? 0
    pod.apply(addAddress({ index, address: address(text), prefix: 24 }), setLink(index, { up: true }))
    return { ns, text }
  })
  const [client, server] = pods
  if (!client || !server) throw new Error('two pods were made')
  return { client: client.ns, server: server.ns, address: server.text }
}

export interface Node extends Place {
  /** The node's own namespace. */
  ns: Netns
  clientAddress: string
  /** The addresses of services that lead to the server's ports. */
  readonly services: Readonly<Record<'stream' | 'connections' | 'pingpong', string>>
}

/** A node of Kubehop's: cbr0, two pods, and a kernel that knows so many services, the last three of which lead to the server. */
export function ours(services: number, stateDir: string, features: Features = {}): Node {
  const node = createNetns()
  const network = openPodNetwork({
    podCidr: cidr('100.96.1.0/24'),
    stateDir,
    ns: node,
    mtu: 1500,
    log: pino({ level: 'silent' }),
  })
  const [client, server] = [createNetns(), createNetns()]
  const { address: clientAddress } = network.add({ id: 'client', netns: client })
  const pod = network.add({ id: 'server', netns: server })
  const proxy = openOurs(node, features)
  for (const each of manyServed(services - 3, 3)) proxy.put(each)
  const [stream, connections, pingpong] = [streamPort, greetPort, echoPort].map((port, at) => {
    const index = services - 3 + at
    proxy.put(served(index, [pod.address], port))
    return serviceAddress(index)
  }) as [string, string, string]
  proxy.commit()
  proxy.close()
  return { ns: node, client, clientAddress, server, address: pod.address, services: { stream, connections, pingpong } }
}
