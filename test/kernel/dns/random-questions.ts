import fc from 'fast-check'
import { flags, types } from '../../../src/dns/wire/message.ts'
import { endpointAddresses, hostnames, type Named, namespaces, portNames, serviceNames } from './random-objects.ts'
import type { Asked } from './ask.ts'

const zone = 'cluster.local'

/** MX, CAA, HTTPS, DS and a type that nobody knows, besides those with names. */
const others = { MX: 15, CAA: 257, HTTPS: 65, DS: 43, NAPTR: 35, UNKNOWN: 65_280 }
const usual: number[] = [types.A, types.AAAA, types.SRV, types.PTR]
const rare: number[] = [types.TXT, types.SOA, types.NS, types.CNAME, types.ANY, types.HINFO, ...Object.values(others)]

const service = fc
  .tuple(fc.constantFrom(...serviceNames, 'nosuch'), fc.constantFrom(...namespaces, 'nosuchns'))
  .map(([name, namespace]) => `${name}.${namespace}.svc.${zone}`)

const dashed = [...endpointAddresses.IPv4, ...endpointAddresses.IPv6].map((one) => one.replaceAll(/[.:]/g, '-'))
const protocols = ['_tcp', '_udp', '_sctp', '_nosuch', 'tcp']
const under = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...dashed, ...hostnames) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...portNames, 'nosuch'), fc.constantFrom(...protocols))
      .map(([port, protocol]) => `_${port}.${protocol}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('nosuch', 'a.b', '_tcp', '_http', 'a.b.c', '*', '_*._tcp', 'x.172-0-0-2') },
)

const pod = fc
  .tuple(
    fc.constantFrom(...dashed, '10-0-0-1', 'blah', '1-2-3', '1-2-3-4-5', '256-1-1-1', '1-2-3-04', 'x.10-0-0-1', '--1'),
    fc.constantFrom(...namespaces, 'nosuchns'),
  )
  .map(([label, namespace]) => `${label}.${namespace}.pod.${zone}`)

const empty = fc
  .constantFrom(
    ...words(
      'svc. pod. testns.svc. nosuchns.svc. testns.pod. nosuchns.pod. dns-version. dns. ns.dns.',
      'x.ns.dns. x.dns-version. foo. foo.bar. any. a.b.c.d.e.svc. *.',
    ),
    '',
  )
  .map((left) => `${left}${zone}`)

const addresses = [
  ...endpointAddresses.IPv4,
  ...endpointAddresses.IPv6,
  ...words(
    '10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 1234:abcd::1 1234:abcd::2 10.0.200.200 9.9.9.9 192.0.2.200 2001:db8::200',
  ),
]
const reverse = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...addresses).map(reverseName) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...words(
        '0.10.in-addr.arpa 0.0.10.in-addr.arpa 10.in-addr.arpa 0.172.in-addr.arpa x.0.0.10.in-addr.arpa',
        '1.1.0.0.10.in-addr.arpa 300.0.0.10.in-addr.arpa d.c.b.a.8.7.6.5.ip6.arpa in-addr.arpa',
      ),
    ),
  },
)

const outside = fc.constantFrom(
  ...words('ext.interwebs.test nosuch.interwebs.test alias.interwebs.test local test'),
  ...words('registry.corp.test registry six.corp.test clash.corp.test nosuch.corp.test corp.test'),
)

/** Letters of either case, as resolvers that guard themselves with 0x20 send them. */
const spelled = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant(name) },
    {
      weight: 1,
      arbitrary: fc
        .infiniteStream(fc.boolean())
        .map((upper) => name.replaceAll(/./g, (one) => (upper.next().value === true ? one.toUpperCase() : one))),
    },
  )

/** Of types that have a meaning there: with others they come by chance. */
const special = fc.constantFrom<[string, number]>(
  [zone, types.NS],
  [zone, types.SOA],
  [`dns-version.${zone}`, types.TXT],
  [`ns.dns.${zone}`, types.A],
  [`x.10-0-0-1.testns.pod.${zone}`, types.A],
  ['0.10.in-addr.arpa', types.NS],
  ['100.0.0.10.in-addr.arpa', types.PTR],
  ['d.c.b.a.8.7.6.5.ip6.arpa', types.SOA],
)

const type = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...usual) },
  { weight: 1, arbitrary: fc.constantFrom(...rare) },
)

/** Names that exist among these services, others much like them, and other things that people ask a name server of a cluster. */
export function questionsAbout(services: readonly Named[]): fc.Arbitrary<Asked> {
  const named = fc.oneof(
    { weight: 5, arbitrary: service },
    { weight: 6, arbitrary: fc.tuple(under, service).map(([left, right]) => `${left}.${right}`) },
    { weight: 3, arbitrary: portOf(services) },
    { weight: 2, arbitrary: pod },
    { weight: 2, arbitrary: empty },
    { weight: 3, arbitrary: reverse },
    { weight: 2, arbitrary: outside },
  )
  return fc
    .oneof({ weight: 30, arbitrary: fc.tuple(named, type) }, { weight: 1, arbitrary: special })
    .chain(([name, type]) => fc.record({ ...circumstances, name: spelled(name), type: fc.constant(type) }))
}

const circumstances = {
  class: fc.oneof({ weight: 60, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(3, 255) }),
  transport: fc.oneof(
    { weight: 3, arbitrary: fc.constant('udp' as const) },
    { weight: 1, arbitrary: fc.constant('tcp' as const) },
  ),
  flags: fc.subarray([flags.RD, flags.RD, flags.AD, flags.CD]).map((all) => all.reduce((sum, one) => sum | one, 0)),
  opt: fc.option(
    fc.record({
      size: fc.constantFrom(0, 512, 700, 1232, 4096, 65_535),
      version: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
      dnssec: fc.boolean(),
    }),
  ),
}

/** Ports that there are, with underscores and without. */
function portOf(services: readonly Named[]): fc.Arbitrary<string> {
  const found = services.flatMap(({ service: { metadata, spec } }) =>
    (spec.ports ?? []).map(({ name = 'none', protocol = 'TCP' }) => ({
      port: name,
      protocol: protocol.toLowerCase(),
      rest: `${metadata.name}.${metadata.namespace}.svc.${zone}`,
    })),
  )
  return found.length === 0
    ? service
    : fc
        .tuple(fc.constantFrom(...found), fc.constantFrom('_', '_', '_', ''), fc.constantFrom('_', '_', '_', ''))
        .map(([{ port, protocol, rest }, one, two]) => `${one}${port}.${two}${protocol}.${rest}`)
}

function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const [left = '', right = ''] = address.split('::')
  const groups = [left, right].map((half) => half.split(':').filter((group) => group !== ''))
  const middle = Array<string>(8 - groups.flat().length).fill('0')
  const whole = [...(groups[0] ?? []), ...middle, ...(groups[1] ?? [])]
  const digits = whole.map((group) => group.padStart(4, '0')).join('')
  return `${digits.split('').reverse().join('.')}.ip6.arpa`
}

function words(...lines: string[]): string[] {
  return lines.flatMap((line) => line.split(' '))
}
