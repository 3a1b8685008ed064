import type { Service } from '../../src/api/objects/service.ts'
import type { Random } from './trace-random-dice.ts'
import { isMeasurable } from './trace-random-sizes.ts'
import type { RandomWorld } from './trace-random-world.ts'

/** What `kubehop trace` takes: who sends, and what to whom. */
export interface RandomRequest {
  readonly from: string
  readonly to: string
  /** How large packets may be is measured, too. */
  readonly sizes: boolean
}

export function requestIn(world: RandomWorld, random: Random): RandomRequest {
  for (;;) {
    const asked = random.chance(0.06)
      ? toItself(world, random)
      : { from: sender(world, random), to: random.pick(kinds)(world, random) }
    const request = { ...asked, sizes: isMeasurable(world) && random.chance(0.1) }
    // Where a service leads to the node itself, its echoes to itself are masqueraded on lo: no watcher knows them then.
    if (request.to === `icmp://${world.addressOfNode(machineOf(world, request.from) ?? '')}`) continue
    // The machine outside asks no name server of the cluster's.
    if (request.from === 'outside' && /\/\/s\d+\b/.test(request.to)) continue
    return request
  }
}

function sender(world: RandomWorld, random: Random): string {
  const which = random.next()
  if (which < 0.15) return `node/${random.pick(world.nodes).metadata.name}`
  if (which < 0.35) return 'outside'
  const { metadata } = random.pick(world.pods)
  return `${metadata.namespace}/${metadata.name}`
}

/** The node whose own sockets send. */
function machineOf(world: RandomWorld, from: string): string | undefined {
  if (from.startsWith('node/')) return from.slice(5)
  const pod = world.pods.find(({ metadata }) => from === `${metadata.namespace}/${metadata.name}`)
  return pod?.spec.hostNetwork ? pod.spec.nodeName : undefined
}

const kinds: readonly ((world: RandomWorld, random: Random) => string)[] = [
  toService,
  toService,
  toService,
  toNodePort,
  toNodePort,
  toName,
  toName,
  toPod,
  toPod,
  (world, random) => `icmp://${random.pick(world.pods).status?.podIP}`,
  (world, random) => `icmp://${random.pick(['100.64.1.1', '192.168.50.1', someNode(world, random)])}`,
  (_, random) =>
    `${random.pick(['', 'sctp://'])}${random.pick(['100.96.1.222', '100.96.2.222', '100.96.9.1', '100.64.7.7', '192.168.50.99', '8.8.8.8', '127.0.0.1'])}:80`,
  (world, random) =>
    `${random.pick(['192.168.50.1', someNode(world, random), '100.96.1.1', '100.96.2.1'])}:${random.pick([9100, 80, 8080])}`,
  (_, random) => random.pick(['100.64.0.1:443', '192.168.50.2:6443', '192.168.50.2:80', 'icmp://192.168.50.2']),
  (world, random) => `${someNode(world, random)}:${8000 + random.from(0, 6)}`,
]

function someNode(world: RandomWorld, random: Random): string {
  return world.addressOfNode(random.pick(world.nodes).metadata.name)
}

/** The one protocol of a service, as a URL begins; for TCP sometimes HTTP, which these programs do not speak. */
function schemeOf({ spec }: Service, random: Random): string {
  const { protocol = 'TCP' } = spec.ports?.[0] ?? {}
  return protocol === 'TCP' ? random.pick(['tcp', 'tcp', 'http']) : protocol.toLowerCase()
}

function shopServices({ services }: RandomWorld): Service[] {
  return services.filter(({ metadata }) => metadata.namespace === 'shop')
}

function toService(world: RandomWorld, random: Random): string {
  const service = random.pick(shopServices(world).filter(({ spec }) => spec.clusterIP !== 'None'))
  const { spec, status } = service
  const addresses = [
    spec.clusterIP,
    spec.clusterIP,
    ...(spec.externalIPs ?? []),
    ...(status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
  ]
  const port = random.chance(0.1) ? 81 : spec.ports?.[0]?.port
  return `${schemeOf(service, random)}://${random.pick(addresses)}:${port}`
}

/** By its name, as short as programs write it or whole; headless ones, too, and at times one that nobody has. */
function toName(world: RandomWorld, random: Random): string {
  const service = random.pick(shopServices(world))
  const { name } = service.metadata
  if (random.chance(0.1)) return `dns://${name}`
  const written = random.pick([
    name,
    `${name}.shop`,
    `${name}.shop.svc`,
    `${name}.shop.svc.cluster.local.`,
    `${name}.bank`,
  ])
  return `${schemeOf(service, random)}://${written}:${service.spec.ports?.[0]?.port}`
}

function toNodePort(world: RandomWorld, random: Random): string {
  const node = someNode(world, random)
  const all = world.services.filter(({ spec }) => spec.ports?.[0]?.nodePort !== undefined)
  if (all.length === 0) return `${node}:30000`
  const service = random.pick(all)
  return `${schemeOf(service, random)}://${node}:${service.spec.ports?.[0]?.nodePort}`
}

function toPod(world: RandomWorld, random: Random): string {
  const pod = random.pick(world.pods).status?.podIP
  return random.pick([
    `tcp://${pod}:8080`,
    `tcp://${pod}:8080`,
    `udp://${pod}:7007`,
    `udp://${pod}:5050`,
    `udp://${pod}:7`,
    `tcp://${pod}:81`,
    `tcp://${pod}:6060`,
    `sctp://${pod}:36412`,
    `sctp://${pod}:5`,
  ])
}

/** An endpoint of a service asks the service: it may be sent to itself (hairpin). */
function toItself(world: RandomWorld, random: Random): Omit<RandomRequest, 'sizes'> {
  const ways = shopServices(world).flatMap((service) => {
    const slice = world.slices.find(({ metadata }) => metadata.name === `${service.metadata.name}-x`)
    const pods = slice?.endpoints.flatMap(({ targetRef }) => targetRef?.name ?? []) ?? []
    return service.spec.clusterIP === 'None' ? [] : pods.map((pod) => ({ service, pod }))
  })
  if (ways.length === 0) return { from: sender(world, random), to: toPod(world, random) }
  const { service, pod } = random.pick(ways)
  const { clusterIP, ports } = service.spec
  return { from: `shop/${pod}`, to: `${schemeOf(service, random)}://${clusterIP}:${ports?.[0]?.port}` }
}
