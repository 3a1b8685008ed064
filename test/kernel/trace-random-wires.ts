import { address, cidr } from '../../src/base/address.ts'
import type { Mac } from '../../src/kernel/rtnetlink/mac.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { setNeighbour } from '../../src/kernel/rtnetlink/neighbour.ts'
import { deleteRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import type { Random } from './trace-random-dice.ts'
import type { Fault } from './trace-random-faults.ts'
import type { World } from './trace-world.ts'

// What goes wrong with cards, cables and bridges, and with what machines remember of their neighbours. A node without a route to its own pods, as
// one whose bridge is down, is not among it: what its rules translated goes in a circle over the router, and gets another port in each round.

const someNode = (world: World, random: Random): RouteSocket =>
  openRouteSocket(world.node(random.pick(world.nodes).metadata.name))

/** Of a pod that has a network of its own. */
const somePod = (world: World, random: Random): RouteSocket => {
  const { metadata } = random.pick(world.pods.filter(({ spec }) => !spec.hostNetwork))
  return openRouteSocket(world.netns(metadata.name, metadata.namespace))
}

export const smallCard = 'a card takes less than others'

/** An Ethernet address that nobody has. */
const nobody = '02:00:00:00:0b:ad' as Mac

export const wireFaults: readonly Fault[] = [
  {
    name: 'a pod’s card is down',
    make(world, random) {
      using socket = somePod(world, random)
      socket.apply(setLink('eth0', { up: false }))
    },
  },
  {
    name: 'the node’s end of a pod’s cable is down',
    make(world, random) {
      using socket = someNode(world, random)
      const ports = socket.links().filter(({ port }) => port)
      if (ports.length > 0) socket.apply(setLink(random.pick(ports).index, { up: false }))
    },
  },
  {
    name: 'a node’s card is down',
    make(world, random) {
      using socket = someNode(world, random)
      socket.apply(setLink('eth0', { up: false }))
    },
  },
  {
    name: smallCard,
    again: true,
    make(world, random) {
      using socket = random.pick([somePod, someNode, () => openRouteSocket(world.routerNetns)])(world, random)
      const cards = socket.links().filter(({ kind: of }) => of === 'veth')
      socket.apply(setLink(random.pick(cards).index, { mtu: random.pick([1280, 1400, 1492]) }))
    },
  },
  {
    name: 'a pod has no default route',
    make(world, random) {
      using socket = somePod(world, random)
      socket.apply(deleteRoute({ to: cidr('0.0.0.0/0') }))
    },
  },
  {
    name: 'a node remembers a wrong Ethernet address of a pod',
    make(world, random) {
      using socket = someNode(world, random)
      const pod = random.pick(world.pods).status?.podIP ?? ''
      remember(socket, 'cbr0', pod)
    },
  },
  {
    name: 'the router remembers a wrong Ethernet address of a node',
    make(world, random) {
      using socket = openRouteSocket(world.routerNetns)
      remember(socket, 'eth0', random.pick(world.nodes).status?.addresses?.[0]?.address ?? '')
    },
  },
  {
    name: 'a pod remembers a wrong Ethernet address of its gateway',
    make(world, random) {
      using socket = somePod(world, random)
      const via = socket.routes().find(({ to }) => to.prefix === 0)?.via
      if (via !== undefined) remember(socket, 'eth0', via)
    },
  },
]

function remember(socket: RouteSocket, device: string, of: string): void {
  const index = socket.link(device)?.index
  if (index !== undefined) socket.apply(setNeighbour({ index, address: address(of), mac: nobody }))
}
