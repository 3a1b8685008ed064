import { type Address, type Cidr, family, formatCidr, parseCidr, rangeAround } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { podAddress, serviceAddresses } from '../cluster/cluster.ts'
import type { Ranges } from './ranges.ts'

/** The ranges of a cluster that nobody told: the smallest that hold what is seen of them. */
export function guessRanges({ nodes, pods, services }: Cluster): { ranges: Ranges; notes: string[] } {
  const ofNodes = nodes.flatMap(({ spec }) => parseCidr(spec?.podCIDR ?? '') ?? []).filter((one) => one.family === 4)
  const fromPods = pods.flatMap((pod) => (pod.spec.hostNetwork ? [] : (podAddress(pod) ?? []))).filter(isIpv4)
  const ips = services
    .flatMap((service) => serviceAddresses({ ...service, spec: { ...service.spec, externalIPs: [] }, status: {} }))
    .filter(isIpv4)
  const podRange = smallest(ofNodes.length > 0 ? ofNodes.flatMap(ends) : fromPods)
  const serviceRange = smallest(ips)
  const said = (what: string, range: Cidr | undefined, from: string): string =>
    range
      ? `${what} are taken to be in ${formatCidr(range)}: guessed from ${from}`
      : `which addresses are for ${what}, nothing says`
  return {
    ranges: { pods: podRange ?? nowhere, services: serviceRange ?? nowhere },
    notes: [
      said('pods', podRange, ofNodes.length > 0 ? 'the nodes’ podCIDRs' : 'the pods'),
      said('services', serviceRange, 'the services'),
    ],
  }
}

/** TEST-NET-1 (RFC 5737): nobody has it. */
const nowhere: Cidr = { family: 4, address: '192.0.2.0' as Address, prefix: 24 }

function isIpv4(address: Address): boolean {
  return family(address) === 4
}

function ends(range: Cidr): Address[] {
  const last =
    BigInt(range.address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)) +
    (1n << BigInt(32 - range.prefix)) -
    1n
  return [range.address, [24n, 16n, 8n, 0n].map((shift) => (last >> shift) & 255n).join('.') as Address]
}

function smallest(addresses: readonly Address[]): Cidr | undefined {
  const [first] = addresses
  if (first === undefined) return undefined
  for (let prefix = 32; prefix > 0; prefix--) {
    const range = rangeAround(first, prefix)
    if (addresses.every((one) => rangeAround(one, prefix).address === range.address)) return range
  }
  return rangeAround(first, 0)
}
