import { randomInt } from 'node:crypto'
import { address, type Cidr, contains, formatCidr, indexIn, nth, parseAddress, size } from '../../base/address.ts'
import type { AnyObject } from '../json.ts'
import { keyOf } from '../client/client.ts'
import type { Service } from '../objects/service.ts'
import type { Store } from '../store/store.ts'
import type { ServiceAllocator } from './strategy.ts'

/** NodePorts, as kube-apiserver's default range; what is given out unasked starts above the band for people's own choice. */
const nodePorts = { first: 30000, last: 32767, firstDynamic: 30086 } as const

/**
 * Which service addresses and node ports are taken: an index over the stored services, so it needs no state of its own and
 * frees what a deleted service held. KEP-3070: the lower band of the range is only for addresses that are asked for.
 */
export function serviceAllocator(store: Store, range: Cidr): ServiceAllocator {
  const addresses = new Map<string, string>()
  const ports = new Map<number, string>()
  const add = (object: AnyObject): void => {
    const service = object as unknown as Service
    for (const ip of addressesOf(service)) addresses.set(ip, keyOf(service))
    for (const port of portsOf(service)) ports.set(port, keyOf(service))
  }
  const remove = (object: AnyObject): void => {
    const service = object as unknown as Service
    for (const ip of addressesOf(service)) addresses.delete(ip)
    for (const port of portsOf(service)) ports.delete(port)
  }
  for (const service of store.list('Service')) add(service)
  store.watch('Service', ({ type, object, old }) => {
    if (old) remove(old)
    if (type !== 'deleted') add(object)
  })

  const last = lastOf(range)
  const band = staticBand(size(range))
  return {
    family: range.family === 4 ? 'IPv4' : 'IPv6',
    freeAddress() {
      const room = last - band + 1n
      if (room <= 0n) return undefined
      const span = room > 1n << 32n ? 1n << 32n : room
      const start = BigInt(randomInt(Number(span)))
      for (let step = 0n; step < span; step++) {
        const candidate = nth(range, band + ((start + step) % span))
        if (!addresses.has(candidate)) return candidate
      }
      return undefined
    },
    refuseAddress(text, owner) {
      const refusal = outsideOf(range, text)
      if (refusal !== undefined) return refusal
      const ip = address(text)
      const holder = addresses.get(ip)
      return holder === undefined || holder === owner
        ? undefined
        : `failed to allocate IP ${ip}: provided IP is already allocated (by service ${holder})`
    },
    freePort(taken) {
      const span = nodePorts.last - nodePorts.firstDynamic + 1
      const start = randomInt(span)
      for (let step = 0; step < span; step++) {
        const candidate = nodePorts.firstDynamic + ((start + step) % span)
        if (!ports.has(candidate) && !taken.has(candidate)) return candidate
      }
      for (let candidate: number = nodePorts.first; candidate < nodePorts.firstDynamic; candidate++)
        if (!ports.has(candidate) && !taken.has(candidate)) return candidate
      return undefined
    },
    refusePort(port, owner) {
      const refusal = noNodePort(port)
      if (refusal !== undefined) return refusal
      const holder = ports.get(port)
      return holder === undefined || holder === owner ? undefined : 'provided port is already allocated'
    },
  }
}

/** Why no service of this range can have this address, or undefined when one can. */
export function outsideOf(range: Cidr, text: string): string | undefined {
  const ip = parseAddress(text)
  if (ip === undefined) return 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
  const at = contains(range, ip) ? indexIn(range, ip) : -1n
  return at < 1n || at > lastOf(range)
    ? `failed to allocate IP ${ip}: the provided IP is not in the valid range. The range of valid IPs is ${formatCidr(range)}`
    : undefined
}

export function noNodePort(port: number): string | undefined {
  return port < nodePorts.first || port > nodePorts.last
    ? `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`
    : undefined
}

/** Never given out: the network's own address, and IPv4's broadcast address at the end. */
function lastOf(range: Cidr): bigint {
  return size(range) - (range.family === 4 ? 2n : 1n)
}

/** min(max(16, size/16), 256), and for tiny ranges as much as holds the addresses of `kubernetes` (.1) and DNS (.10). */
function staticBand(total: bigint): bigint {
  if (total <= 32n) return total > 12n ? 11n : 2n
  const sixteenth = total / 16n
  return sixteenth < 16n ? 16n : sixteenth > 256n ? 256n : sixteenth
}

function addressesOf(service: Service): string[] {
  const { clusterIPs, clusterIP } = service.spec
  return (clusterIPs ?? (clusterIP ? [clusterIP] : [])).filter((ip) => ip !== 'None' && ip !== '')
}

function portsOf(service: Service): number[] {
  const ports = (service.spec.ports ?? []).flatMap((one) => (one.nodePort ? [one.nodePort] : []))
  return service.spec.healthCheckNodePort ? [...ports, service.spec.healthCheckNodePort] : ports
}
