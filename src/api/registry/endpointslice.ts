import { parseAddress, family } from '../../base/address.ts'
import { type Fault, fault } from '../errors.ts'
import type { EndpointSlice } from '../objects/endpointslice.ts'
import { immutable, inRange, oneOf, port, unique } from './checks.ts'
import { dnsLabel, dnsSubdomain } from './names.ts'
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
  validate(slice) {
    const endpoints = slice.endpoints ?? []
    const faults = slice.addressType
      ? oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6'])
      : [fault.required('addressType')]
    if (endpoints.length > 1000) return [fault.tooMany('endpoints', endpoints.length, 1000)]
    for (const [at, one] of endpoints.entries()) {
      const here = `endpoints[${at}]`
      if (!one.addresses?.length) faults.push(fault.required(`${here}.addresses`, 'must contain at least 1 address'))
      if ((one.addresses?.length ?? 0) > 100) faults.push(fault.tooMany(`${here}.addresses`, one.addresses.length, 100))
      for (const [index, text] of (one.addresses ?? []).entries())
        faults.push(...validateAddress(`${here}.addresses[${index}]`, text, slice.addressType))
      if (one.hostname !== undefined) faults.push(...dnsLabel(`${here}.hostname`, one.hostname))
      if (one.nodeName !== undefined) faults.push(...dnsSubdomain(`${here}.nodeName`, one.nodeName))
    }
    for (const [at, one] of (slice.ports ?? []).entries()) {
      faults.push(...oneOf(`ports[${at}].protocol`, one.protocol, ['SCTP', 'TCP', 'UDP']))
      if (one.name) faults.push(...dnsLabel(`ports[${at}].name`, one.name))
      if (one.port !== undefined && !inRange(one.port, 1, 65535)) faults.push(...port(`ports[${at}].port`, one.port))
    }
    return [
      ...faults,
      ...unique(
        (at) => `ports[${at}].name`,
        slice.ports ?? [],
        (one) => `${one.name} `,
      ),
    ]
  },
  validateUpdate: (slice, old) => immutable('addressType', slice.addressType, slice.addressType === old.addressType),
}

function validateAddress(path: string, text: string, type: EndpointSlice['addressType']): Fault[] {
  if (type === 'FQDN') return dnsSubdomain(path, text)
  const ip = parseAddress(text)
  const wanted = type === 'IPv6' ? 6 : 4
  if (ip === undefined || family(ip) !== wanted) return [fault.invalid(path, text, `must be an IPv${wanted} address`)]
  if (/^(127\.|169\.254\.|224\.0\.0\.|0\.0\.0\.0$|::1?$|fe80)/.test(ip))
    return [fault.invalid(path, text, 'may not be an unspecified, loopback or link-local address')]
  return []
}
