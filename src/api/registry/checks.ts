import { cidr, contains, parseAddress } from '../../base/address.ts'
import { type Fault, fault } from '../errors.ts'
import type { IntOrString, LabelSelector } from '../objects/meta.ts'
import { isLabelKey } from '../select/labels.ts'
import { labels, portName, qualifiedName } from './names.ts'

/** Checks that more than one kind needs; each gives the faults of one field. */

export function port(path: string, value: unknown): Fault[] {
  return inRange(value, 1, 65535) ? [] : [fault.invalid(path, value, 'must be between 1 and 65535, inclusive')]
}

export function portNumberOrName(path: string, value: IntOrString): Fault[] {
  return typeof value === 'number' ? port(path, value) : portName(path, value)
}

export function oneOf(path: string, value: string | undefined, supported: readonly string[]): Fault[] {
  return value === undefined || supported.includes(value) ? [] : [fault.unsupported(path, value, supported)]
}

export function notNegative(path: string, value: number | undefined): Fault[] {
  return value === undefined || value >= 0 ? [] : [fault.invalid(path, value, 'must be greater than or equal to 0')]
}

export function ipAddress(path: string, value: unknown): Fault[] {
  return typeof value === 'string' && parseAddress(value) !== undefined
    ? []
    : [fault.invalid(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
}

/**
 * An address that packets can be sent to from elsewhere: upstream's rule for endpoints and external IPs, which here refuses every
 * group address, not only those of the link.
 */
export function unicastAddress(path: string, value: string): Fault[] {
  const ip = parseAddress(value)
  if (ip === undefined) return ipAddress(path, value)
  const special = notUnicast.find(({ ranges }) => ranges.some((range) => contains(range, ip)))
  return special === undefined ? [] : [fault.invalid(path, value, special.say)]
}

const notUnicast = [
  { say: 'may not be unspecified (0.0.0.0, ::)', ranges: ['0.0.0.0/32', '::/128'] },
  { say: 'may not be in the loopback range (127.0.0.0/8, ::1/128)', ranges: ['127.0.0.0/8', '::1/128'] },
  { say: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)', ranges: ['169.254.0.0/16', 'fe80::/10'] },
  { say: 'may not be in the multicast range (224.0.0.0/4, ff00::/8)', ranges: ['224.0.0.0/4', 'ff00::/8'] },
  { say: 'may not be the broadcast address', ranges: ['255.255.255.255/32'] },
  { say: 'must not be an IPv4-mapped IPv6 address', ranges: ['::ffff:0:0/96'] },
].map(({ say, ranges }) => ({ say, ranges: ranges.map(cidr) }))

/** `10.9.8.0/24`. Blanks around it and host bits in it are part of the API, by an accident of its history. */
export function addressRange(path: string, value: string): Fault[] {
  const [, base = '', digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(value.trim()) ?? []
  const ip = parseAddress(base)
  return ip !== undefined && inRange(Number(digits), 0, ip.includes(':') ? 128 : 32)
    ? []
    : [fault.invalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')]
}

export function immutable(path: string, value: unknown, same: boolean): Fault[] {
  return same ? [] : [fault.invalid(path, value, 'field is immutable')]
}

export function unique<T>(path: (at: number) => string, values: readonly T[], key: (value: T) => unknown): Fault[] {
  const seen = new Set<unknown>()
  const faults: Fault[] = []
  for (const [at, value] of values.entries()) {
    const it = key(value)
    if (it === undefined || it === '') continue
    if (seen.has(it)) faults.push(fault.duplicate(path(at), it))
    seen.add(it)
  }
  return faults
}

/** A selector of a workload: it must say something. */
export function workloadSelector(path: string, selector: LabelSelector | undefined): Fault[] {
  if (selector === undefined) return [fault.required(path)]
  const faults = labelSelector(path, selector)
  if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0)
    faults.push(fault.invalid(path, selector, 'empty selector is invalid for deployment'))
  return faults
}

export function labelSelector(path: string, selector: LabelSelector): Fault[] {
  const faults = labels(`${path}.matchLabels`, selector.matchLabels)
  for (const [at, one] of (selector.matchExpressions ?? []).entries()) {
    const here = `${path}.matchExpressions[${at}]`
    if (!isLabelKey(one.key)) faults.push(...qualifiedName(`${here}.key`, one.key))
    const needsValues = one.operator === 'In' || one.operator === 'NotIn'
    if (!['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(one.operator))
      faults.push(fault.invalid(`${here}.operator`, one.operator, 'not a valid selector operator'))
    else if (needsValues && !one.values?.length)
      faults.push(fault.required(`${here}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    else if (!needsValues && one.values?.length)
      faults.push(
        fault.forbidden(`${here}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      )
  }
  return faults
}

/** `25%` or a count. */
export function countOrPercent(path: string, value: IntOrString): Fault[] {
  if (typeof value === 'number') return notNegative(path, value)
  return /^\d+%$/.test(value)
    ? []
    : [
        fault.invalid(
          path,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      ]
}

export function inRange(value: unknown, from: number, to: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
}
