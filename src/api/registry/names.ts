import { type Fault, fault } from '../errors.ts'
import { isLabelKey, isLabelValue } from '../select/labels.ts'

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const labelPattern = new RegExp(`^${label}$`)
const subdomainPattern = new RegExp(`^${label}(\\.${label})*$`)
const serviceLabelPattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/

const labelSay =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const subdomainSay =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const serviceSay =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

/** RFC 1123 label: up to 63 of lower case, digits and inner dashes. */
export function dnsLabel(path: string, value: unknown): Fault[] {
  return named(path, value, labelPattern, 63, labelSay)
}

/** RFC 1123 subdomain: labels joined by dots, up to 253. */
export function dnsSubdomain(path: string, value: unknown): Fault[] {
  return named(path, value, subdomainPattern, 253, subdomainSay)
}

/** RFC 1035 label: as {@link dnsLabel}, but it starts with a letter. */
export function serviceName(path: string, value: unknown): Fault[] {
  return named(path, value, serviceLabelPattern, 63, serviceSay)
}

/** IANA service name: how ports are called. */
export function portName(path: string, value: string): Fault[] {
  const faults: Fault[] = []
  if (value.length > 15) faults.push(fault.invalid(path, value, 'must be no more than 15 characters'))
  if (!/^[-a-z0-9]+$/.test(value))
    faults.push(fault.invalid(path, value, 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'))
  if (!/[a-z]/.test(value)) faults.push(fault.invalid(path, value, 'must contain at least one letter (a-z)'))
  if (value.includes('--')) faults.push(fault.invalid(path, value, 'must not contain consecutive hyphens'))
  if (/^-|-$/.test(value)) faults.push(fault.invalid(path, value, 'must not begin or end with a hyphen'))
  return faults
}

export function labels(path: string, values: Record<string, string> | undefined): Fault[] {
  const faults: Fault[] = []
  for (const [key, value] of Object.entries(values ?? {})) {
    if (!isLabelKey(key)) faults.push(fault.invalid(path, key, keySay))
    if (!isLabelValue(value)) faults.push(fault.invalid(path, value, valueSay))
  }
  return faults
}

const annotationLimit = 256 * 1024

export function annotations(path: string, values: Record<string, string> | undefined): Fault[] {
  const faults: Fault[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(values ?? {})) {
    if (!isLabelKey(key.toLowerCase())) faults.push(fault.invalid(path, key, keySay))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (bytes > annotationLimit) faults.push(fault.tooLong(path, annotationLimit))
  return faults
}

/** Finalizers and condition types: a label key. */
export function qualifiedName(path: string, value: string): Fault[] {
  return isLabelKey(value) ? [] : [fault.invalid(path, value, keySay)]
}

const keySay =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const valueSay =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

function named(path: string, value: unknown, pattern: RegExp, limit: number, say: string): Fault[] {
  if (typeof value !== 'string') return [fault.invalid(path, value, say)]
  const faults: Fault[] = []
  if (!pattern.test(value)) faults.push(fault.invalid(path, value, say))
  if (value.length > limit) faults.push(fault.invalid(path, value, `must be no more than ${limit} characters`))
  return faults
}
