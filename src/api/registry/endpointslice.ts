import { family, parseAddress } from '../../base/address.ts'
import { type Fault, fault } from '../errors.ts'
import type { Endpoint, EndpointSlice } from '../objects/endpointslice.ts'
import { isLabelValue } from '../select/labels.ts'
import { immutable, inRange, ipAddress, oneOf, port, unicastAddress, unique } from './checks.ts'
import { dnsLabel, dnsSubdomain, qualifiedName } from './names.ts'
import type { Strategy } from './strategy.ts'

export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  names: 'subdomain',
  generation: true,
  defaults(slice) {
    slice.endpoints ??= []
    for (const one of slice.ports ?? []) {
      one.name ??= ''
      one.protocol ??= 'TCP'
    }
  },
  validate: (slice) => [
    ...(slice.addressType
      ? oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6'])
      : [fault.required('addressType')]),
    ...validateEndpoints(slice),
    ...validatePorts(slice.ports ?? []),
  ],
  validateUpdate: (slice, old) => immutable('addressType', slice.addressType, slice.addressType === old.addressType),
}

/** Upstream's limits. Ports were 100 once, as its documentation still says: services with more of them could have no slices. */
const limits = { endpoints: 1000, addresses: 100, ports: 20000, hints: 8 } as const

function validateEndpoints({ endpoints, addressType }: EndpointSlice): Fault[] {
  if (endpoints.length > limits.endpoints) return [fault.tooMany('endpoints', endpoints.length, limits.endpoints)]
  return endpoints.flatMap((one, at) => validateEndpoint(`endpoints[${at}]`, one, addressType))
}

function validateEndpoint(here: string, one: Endpoint, type: EndpointSlice['addressType']): Fault[] {
  const path = `${here}.addresses`
  const addresses = one.addresses ?? []
  const faults = addresses.flatMap((text, at) => validateAddress(`${path}[${at}]`, text, type))
  if (addresses.length === 0) faults.push(fault.required(path, 'must contain at least 1 address'))
  if (addresses.length > limits.addresses) faults.push(fault.tooMany(path, addresses.length, limits.addresses))
  if (one.hostname !== undefined) faults.push(...dnsLabel(`${here}.hostname`, one.hostname))
  if (one.nodeName !== undefined) faults.push(...dnsSubdomain(`${here}.nodeName`, one.nodeName))
  const { forZones, forNodes } = one.hints ?? {}
  if (forZones) faults.push(...validateHints(`${here}.hints.forZones`, forZones, zoneName))
  if (forNodes) faults.push(...validateHints(`${here}.hints.forNodes`, forNodes, dnsSubdomain))
  return faults
}

function validateAddress(path: string, text: string, type: EndpointSlice['addressType']): Fault[] {
  if (type === 'FQDN') return fullName(path, text)
  const ip = parseAddress(text)
  if (ip === undefined) return ipAddress(path, text)
  const wanted = type === 'IPv6' ? 6 : 4
  return family(ip) === wanted
    ? unicastAddress(path, text)
    : [fault.invalid(path, text, `must be an IPv${wanted} address`)]
}

function fullName(path: string, text: string): Fault[] {
  const name = text.replace(/\.$/, '')
  return name.includes('.') || name === ''
    ? dnsSubdomain(path, name)
    : [fault.invalid(path, text, 'should be a domain with at least two segments separated by dots')]
}

function validateHints(
  path: string,
  hints: readonly { name: string }[],
  rule: (path: string, name: string) => Fault[],
): Fault[] {
  if (hints.length > limits.hints) return [fault.tooMany(path, hints.length, limits.hints)]
  return [
    ...hints.flatMap(({ name }, at) => rule(`${path}[${at}].name`, name)),
    ...unique(
      (at) => `${path}[${at}].name`,
      hints,
      ({ name }) => name,
    ),
  ]
}

/** A zone is what a node's label says. */
function zoneName(path: string, name: string): Fault[] {
  return isLabelValue(name) ? [] : [fault.invalid(path, name, 'must be a valid label value')]
}

function validatePorts(ports: NonNullable<EndpointSlice['ports']>): Fault[] {
  if (ports.length > limits.ports) return [fault.tooMany('ports', ports.length, limits.ports)]
  const names = new Set<string>()
  return ports.flatMap(({ name = '', protocol, port: number, appProtocol }, at) => {
    const here = `ports[${at}]`
    const faults = oneOf(`${here}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])
    if (name !== '') faults.push(...dnsLabel(`${here}.name`, name))
    // Also the empty name: only one port may go without.
    if (names.has(name)) faults.push(fault.duplicate(`${here}.name`, name))
    names.add(name)
    if (number !== undefined && !inRange(number, 1, 65535)) faults.push(...port(`${here}.port`, number))
    if (appProtocol) faults.push(...qualifiedName(`${here}.appProtocol`, appProtocol))
    return faults
  })
}
