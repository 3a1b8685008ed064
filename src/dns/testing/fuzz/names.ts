import type { Random } from './random.ts'

/** A name in wire form, one character per byte: most exist or nearly do, so that every branch of the zone is walked. */
export function anyName(random: Random): string {
  const kind = random.below(24)
  switch (kind) {
    case 0:
    case 1:
      return wire([podLabel(random), random.pick(namespaces), 'pod', ...zone])
    case 2:
      return reverse4(random)
    case 3:
      return reverse6(random)
    case 4:
      return wire([anyLabel(random), random.pick(services), 'testns', 'svc', ...zone])
    case 5:
      return wire([random.pick(services), 'testns', 'svc', ...zone, 'testns', 'svc', ...zone])
    case 6:
      return longest(random)
    case 7:
      return wire(Array.from({ length: random.below(8) }, () => anyLabel(random)))
    case 8:
    case 9:
      return wire([anyLabel(random), ...random.pick(suffixes)])
    case 10:
      return merged(known(random), random)
    default:
      return known(random)
  }
}

/** Two labels as one, with what stood between them inside: it looks the same, and is another name. */
function merged(name: string, random: Random): string {
  let at = 0
  for (let left = random.below(5); left > 0; left--) {
    const next = at + 1 + name.charCodeAt(at)
    if (name.charCodeAt(next) === 0 || next >= name.length) break
    at = next
  }
  const next = at + 1 + name.charCodeAt(at)
  const both = name.charCodeAt(at) + 1 + (name.charCodeAt(next) || 0)
  if (both > 63 || next >= name.length - 1) return name
  const between = random.once(2) ? '.' : name.charAt(next)
  return name.slice(0, at) + String.fromCharCode(both) + name.slice(at + 1, next) + between + name.slice(next + 1)
}

/** 63 bytes at most, and any of them. */
export function anyLabel(random: Random): string {
  const length = random.once(8) ? 1 + random.below(63) : 1 + random.below(9)
  let label = ''
  const wild = random.once(3)
  for (let at = 0; at < length; at++)
    label += wild ? String.fromCharCode(random.below(256)) : (letters[random.below(letters.length)] ?? 'a')
  return label
}

/** Lengths are as the labels have them, also when they are not allowed to be. */
export function wire(labels: readonly string[]): string {
  let name = ''
  for (const label of labels) name += String.fromCharCode(label.length & 0xff) + label
  return `${name}\0`
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-_'
const zone = ['cluster', 'local']
const namespaces = ['testns', 'podns', 'kube-system', 'nosuchns']
const services = (
  'svc1 svcempty svc6 svc-dual many hdls1 hdlsnp starting eager external external-in external-gone external-ip circle ' +
  'kube-dns big changing nosuch'
).split(' ')
const under = '_http._tcp _dns._udp _nope._tcp _tcp 172-0-0-2 5678-abcd--1 dup-name web-0 *'.split(' ')
const others = (
  'cluster.local ns.dns.cluster.local dns.cluster.local dns-version.cluster.local svc.cluster.local pod.cluster.local ' +
  'testns.svc.cluster.local podns.pod.cluster.local local example.test www.example.test hosts.test corp.test a.corp.test www.corp.test'
).split(' ')
const suffixes = [zone, ['svc', ...zone], ['testns', 'svc', ...zone], ['in-addr', 'arpa'], ['ip6', 'arpa'], ['test']]

function known(random: Random): string {
  if (random.once(5)) return wire(random.pick(others).split('.'))
  // Its answers are so long that more of them would be all that there is time for.
  const service = random.once(500) ? 'huge' : random.pick(services)
  const labels = [service, random.once(8) ? random.pick(namespaces) : 'testns', 'svc', ...zone]
  if (random.once(3)) labels.unshift(...random.pick(under).split('.'))
  return wire(labels)
}

function podLabel(random: Random): string {
  if (random.once(3)) return `10-240-0-${random.below(10)}`
  if (random.once(4)) return Array.from({ length: random.below(9) }, () => random.below(0x10000).toString(16)).join('-')
  return Array.from({ length: random.once(8) ? random.below(7) : 4 }, () => random.below(260)).join('-')
}

function reverse4(random: Random): string {
  const count = random.once(4) ? random.below(7) : 4
  const octets = Array.from({ length: count }, () => `${random.once(50) ? '0' : ''}${random.below(260)}`)
  if (random.once(2)) octets.splice(0, 4, `${random.below(8)}`, '0', '0', random.pick(['10', '172']))
  return wire([...octets, 'in-addr', 'arpa'])
}

function reverse6(random: Random): string {
  const count = random.once(4) ? random.below(36) : 32
  return wire([...Array.from({ length: count }, () => random.pick(nibbles)), 'ip6', 'arpa'])
}

const nibbles = '0123456789abcdefABCDEFgx'.split('')

/** As long as a name may be, or one byte longer. */
function longest(random: Random): string {
  const labels = [random.pick(services), 'testns', 'svc', ...zone]
  const size = (): number => labels.reduce((sum, label) => sum + label.length + 1, 1)
  const most = random.once(3) ? 256 : 255
  while (size() + 2 <= most) labels.unshift('x'.repeat(Math.min(63, most - size() - 1, 1 + random.below(63))))
  return wire(labels)
}
