import { address, cidr } from '../../src/base/address.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import { packAddress, packU8 } from '../../src/kernel/nftables/packed.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addRoute, deleteRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import type { HookName } from '../../src/kernel/nftables/chain.ts'
import type { Random } from './trace-random-dice.ts'
import { wireFaults } from './trace-random-wires.ts'
import type { World } from './trace-world.ts'

/** Something that goes wrong in a kernel while the objects say that all is well. */
export interface Fault {
  readonly name: string
  /** It may come twice in one cluster. */
  readonly again?: true
  make(world: World, random: Random): void
}

const someNode = (world: World, random: Random): string => random.pick(world.nodes).metadata.name

export const faults: readonly Fault[] = [
  ...wireFaults,
  {
    name: 'the router has no route for a node’s pods',
    make(world, random) {
      using socket = openRouteSocket(world.routerNetns)
      socket.apply(deleteRoute({ to: cidr(random.pick(world.nodes).spec?.podCIDR ?? '') }))
    },
  },
  {
    name: 'a node does not forward',
    make: (world, random) => writeSysctl('net.ipv4.ip_forward', '0', world.node(someNode(world, random))),
  },
  {
    name: 'a node has no default route',
    make(world, random) {
      using socket = openRouteSocket(world.node(someNode(world, random)))
      socket.apply(deleteRoute({ to: cidr('0.0.0.0/0') }))
    },
  },
  {
    name: 'a node throws a range away',
    make(world, random) {
      using socket = openRouteSocket(world.node(someNode(world, random)))
      const kind = random.pick(['blackhole', 'unreachable', 'prohibit'] as const)
      socket.apply(
        addRoute({ to: cidr(random.pick(['100.96.2.0/25', '100.96.1.0/25', '198.51.100.0/25'])), kind, scope: 0 }),
      )
    },
  },
  {
    name: 'a machine takes only what it would answer by the same card',
    make(world, random) {
      const ns = random.pick([world.routerNetns, world.node(someNode(world, random))])
      writeSysctl(`net.ipv4.conf.${random.pick(['all', 'eth0'])}.rp_filter`, String(random.pick([1, 2])), ns)
    },
  },
  {
    name: 'a node would send what is for a range to its own pods',
    make(world, random) {
      using socket = openRouteSocket(world.node(someNode(world, random)))
      const index = socket.link('cbr0')?.index
      const to = cidr(random.pick(['100.96.2.0/25', '100.96.1.0/25', '198.51.100.0/25']))
      if (index !== undefined) socket.apply(addRoute({ to, index }))
    },
  },
  {
    name: 'bridged packets meet no rules',
    make: (world, random) =>
      writeSysctl('net.bridge.bridge-nf-call-iptables', '0', world.node(someNode(world, random))),
  },
  {
    name: 'a bridge’s ports do not send back',
    make(world, random) {
      using socket = openRouteSocket(world.node(someNode(world, random)))
      for (const { index, port } of socket.links()) if (port) socket.apply(setLink(index, { port: { hairpin: false } }))
    },
  },
  {
    name: 'a node has no rules for services',
    make(world, random) {
      using nft = openNftables(world.node(someNode(world, random)))
      nft.apply({ table: { family: 'ip', name: 'kubehop' }, ops: [{ op: 'delete table' }] })
    },
  },
  ...(['prerouting', 'forward', 'input', 'output', 'postrouting'] as const).map(
    (hook): Fault => ({
      name: `somebody else’s rule in ${hook} is against an address`,
      again: true,
      make: (world, random) => foreignRule(world, random, hook),
    }),
  ),
]

const onlyTcp: readonly Expr[] = [
  { kind: 'meta', key: 'l4proto', to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packU8(6) },
]

function foreignRule(world: World, random: Random, hook: HookName): void {
  const to = random.pick([
    ...world.pods.map(({ status }) => status?.podIP ?? ''),
    ...world.nodes.map(({ status }) => status?.addresses?.[0]?.address ?? ''),
  ])
  const priority = random.pick([-300, -150, -95, 0, 50, 150])
  const verdict = random.pick(['drop', 'drop', 'reset', 'icmp'] as const)
  // A refusal is possible where the packet's way is still open (nft_reject_validate).
  const refuses = verdict !== 'drop' && hook !== 'postrouting' && hook !== 'prerouting'
  const resets = refuses && verdict === 'reset'
  const table = { family: random.pick(['ip', 'inet'] as const), name: `firewall-${hook}` }
  using nft = openNftables(world.node(someNode(world, random)))
  nft.apply({
    table,
    ops: [
      { op: 'add table' },
      { op: 'add chain', chain: { name: 'guard', hook: { type: 'filter', hook, priority, policy: 'accept' } } },
      {
        op: 'add rule',
        chain: 'guard',
        rule: {
          comment: `nobody talks ${hook} with ${to}`,
          exprs: [
            { kind: 'payload', base: 'network', offset: random.pick([12, 16]), length: 4, to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packAddress(address(to)) },
            ...(resets ? onlyTcp : []),
            resets
              ? { kind: 'reject', with: 'tcp reset', code: 0 }
              : refuses
                ? { kind: 'reject', with: 'icmp', code: random.pick([0, 1, 3, 9, 10, 13]) }
                : { kind: 'immediate', verdict: { verdict: 'drop' } },
          ],
        },
      },
    ],
  })
}
