import type { Random } from './trace-random-dice.ts'
import type { World } from './trace-world.ts'

/** What `kubehop trace` takes: who sends, and what to whom. */
export interface RandomRequest {
  readonly from: string
  readonly to: string
}

export function requestIn(world: World, random: Random): RandomRequest {
  for (;;) {
    const request = { from: sender(world, random), to: random.pick(kinds)(world, random) }
    // Where a service leads to the node itself, its echoes to itself are masqueraded on lo: no watcher knows them then.
    const node = world.nodes.find(({ metadata }) => request.from === `node/${metadata.name}`)
    if (request.to !== `icmp://${node?.status?.addresses?.[0]?.address}`) return request
  }
}

function sender(world: World, random: Random): string {
  const which = random.next()
  if (which < 0.2) return `node/${random.pick(world.nodes).metadata.name}`
  return which < 0.35 ? 'outside' : `shop/${random.pick(world.pods).metadata.name}`
}

const kinds: readonly ((world: World, random: Random) => string)[] = [
  toService,
  toService,
  toService,
  toNodePort,
  toPod,
  toPod,
  (world, random) => `icmp://${random.pick(world.pods).status?.podIP}`,
  (world, random) => `icmp://${random.pick(['100.64.1.1', '192.168.50.1', '192.168.50.11', '192.168.50.12'])}`,
  (_, random) =>
    `${random.pick(['100.96.1.222', '100.96.2.222', '100.96.9.1', '100.64.7.7', '192.168.50.99', '8.8.8.8', '127.0.0.1'])}:80`,
  (_, random) =>
    `${random.pick(['192.168.50.1', '192.168.50.11', '192.168.50.12', '100.96.1.1', '100.96.2.1'])}:${random.pick([9100, 80])}`,
  (_, random) => `${random.pick(['192.168.50.11', '192.168.50.12'])}:${8000 + random.from(0, 6)}`,
]

function toService(world: World, random: Random): string {
  const { spec, status } = random.pick(world.services.filter((one) => one.spec.clusterIP !== 'None'))
  const [port] = spec.ports ?? []
  const addresses = [
    spec.clusterIP,
    spec.clusterIP,
    ...(spec.externalIPs ?? []),
    ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
  ]
  return `${port?.protocol === 'UDP' ? 'udp' : 'tcp'}://${random.pick(addresses)}:${random.chance(0.1) ? 81 : port?.port}`
}

function toNodePort(world: World, random: Random): string {
  const node = random.pick(['192.168.50.11', '192.168.50.12'])
  const ports = world.services.flatMap(({ spec }) =>
    (spec.ports ?? []).filter(({ nodePort }) => nodePort !== undefined),
  )
  if (ports.length === 0) return `${node}:30000`
  const { protocol, nodePort } = random.pick(ports)
  return `${protocol === 'UDP' ? 'udp' : 'tcp'}://${node}:${nodePort}`
}

function toPod(world: World, random: Random): string {
  const pod = random.pick(world.pods).status?.podIP
  return random.pick([
    `tcp://${pod}:8080`,
    `tcp://${pod}:8080`,
    `udp://${pod}:7007`,
    `udp://${pod}:5050`,
    `udp://${pod}:7`,
    `tcp://${pod}:81`,
  ])
}
