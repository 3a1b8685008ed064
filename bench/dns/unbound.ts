import { unboundConfig } from '../../src/dns/testing/unbound.ts'
import { addressesOf, hostnameOf, type Member, zone } from './cluster.ts'
import { reverseOf } from './questions.ts'

/** The same names as local data of unbound, which keeps whole record sets, in one thread. */
export function zoneForUnbound(all: readonly Member[], port: number): string {
  return unboundConfig([
    'num-threads: 1',
    `interface: 127.0.0.1@${port}`,
    'access-control: 127.0.0.0/8 allow',
    'verbosity: 0',
    // As much as our socket takes.
    'so-rcvbuf: 4m',
    // Reverse names of private ranges are answered as "not here" unless told otherwise.
    'unblock-lan-zones: yes',
    'insecure-lan-zones: yes',
    `local-zone: "${zone}." static`,
    `local-zone: "${reverseZone}." static`,
    ...[soa(zone), soa(reverseZone), ...all.flatMap(recordsOf)].map((record) => `local-data: "${record}"`),
  ])
}

const ttl = 30
/** Services and pods are in 100.64.0.0/10. */
const reverseZone = '100.in-addr.arpa'

function soa(name: string): string {
  return `${name}. ${ttl} IN SOA ns.dns.${zone}. hostmaster.${zone}. 1 7200 1800 86400 5`
}

function recordsOf(of: Member): string[] {
  const { fullName, headless } = of
  const addresses = addressesOf(of)
  if (!headless)
    return [
      ...addresses.flatMap((address) => [a(fullName, address), pointer(address, fullName)]),
      `_http._tcp.${fullName}. ${ttl} IN SRV 0 100 80 ${fullName}.`,
    ]
  return addresses.flatMap((address, at) => {
    const name = `${hostnameOf(at)}.${fullName}`
    return [
      a(fullName, address),
      a(name, address),
      pointer(address, name),
      `_http._tcp.${fullName}. ${ttl} IN SRV 0 33 8080 ${name}.`,
    ]
  })
}

function a(name: string, address: string): string {
  return `${name}. ${ttl} IN A ${address}`
}

function pointer(address: string, name: string): string {
  return `${reverseOf(address)}. ${ttl} IN PTR ${name}.`
}
