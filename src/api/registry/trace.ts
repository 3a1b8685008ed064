import { isDeepStrictEqual } from 'node:util'
import { type Fault, fault } from '../errors.ts'
import type { TraceDestination, TraceObject, TraceSource, TraceSpec } from '../objects/trace.ts'
import { inRange, ipAddress, oneOf, portNumberOrName } from './checks.ts'
import type { Strategy } from './strategy.ts'

const protocols = ['TCP', 'UDP', 'SCTP', 'ICMP', 'HTTP', 'HTTPS', 'DNS']
const sources = ['pod', 'node', 'outside'] as const
const destinations = ['pod', 'service', 'node', 'ip', 'name', 'url'] as const

/** kubehop.dev/v1alpha1: a request is sent once, so its wish is for life. */
export const traceStrategy: Strategy<TraceObject> = {
  names: 'subdomain',
  generation: true,
  validate: ({ spec = {} }: { spec?: Partial<TraceSpec> }) => [
    ...oneIn('spec.source', spec.source, sources),
    ...oneIn('spec.destination', spec.destination, destinations),
    ...(spec.protocol === undefined ? [] : oneOf('spec.protocol', spec.protocol, protocols)),
    ...(spec.timeout === undefined || inRange(spec.timeout, 1, 100)
      ? []
      : [fault.invalid('spec.timeout', spec.timeout, 'must be between 1 and 100, inclusive')]),
    ...destination(spec.destination ?? {}, spec.protocol),
  ],
  validateUpdate: ({ spec }, old) =>
    isDeepStrictEqual(spec, old.spec) ? [] : [fault.forbidden('spec', 'a trace is sent once: make another one')],
}

function oneIn<T extends TraceSource | TraceDestination>(
  path: string,
  value: T = {} as T,
  among: readonly (keyof T & string)[],
): Fault[] {
  const given = among.filter((name) => value[name] !== undefined && value[name] !== false && value[name] !== '')
  if (given.length === 1) return []
  const list = among.join(', ')
  if (given.length === 0) return [fault.required(path, `one of ${list} is needed`)]
  return [fault.invalid(path, given.join(', '), `only one of ${list} can be given`)]
}

function destination(
  { ip, url, port, namespace, pod, service }: TraceDestination,
  protocol: string | undefined,
): Fault[] {
  const path = 'spec.destination'
  const faults: Fault[] = []
  if (ip !== undefined) faults.push(...ipAddress(`${path}.ip`, ip))
  if (url !== undefined && port !== undefined)
    faults.push(fault.invalid(`${path}.port`, port, 'the url says it already'))
  if (url !== undefined && protocol !== undefined)
    faults.push(fault.invalid('spec.protocol', protocol, 'the url says it already'))
  if (namespace !== undefined && pod === undefined && service === undefined)
    faults.push(fault.invalid(`${path}.namespace`, namespace, 'belongs to a pod or a service'))
  if (port !== undefined) faults.push(...portNumberOrName(`${path}.port`, port))
  return faults
}
