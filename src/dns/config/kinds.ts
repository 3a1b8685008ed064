import { type Address, type Cidr, family, formatCidr, hostPort, parseAddress, parseCidr } from '../../base/address.ts'
import type { HostsEntry, Place } from './config.ts'
import { type Kind, word } from './kind.ts'
import { printTime, readTime } from './time.ts'

export const flag: Kind<boolean> = word('true or false', (text) =>
  text === 'true' ? true : text === 'false' ? false : undefined,
)

export function number(least: number, most: number): Kind<number> {
  return word(`a whole number from ${least} to ${most}`, (text) => {
    const value = Number(text)
    return /^\d{1,15}$/.test(text) && value >= least && value <= most ? value : undefined
  })
}

export function choice<const T extends string>(...words: readonly T[]): Kind<T> {
  const allowed = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return word(allowed, (text) => words.find((one) => one === text))
}

/** A time with its unit. `unit`: milliseconds of what is counted in the configuration; `least` and `most` as they are written. */
function time(unit: number, example: string, least: string, most: string): Kind<number> {
  const [from, to] = [readTime(least) ?? 0, readTime(most) ?? 0]
  const whole = unit === 1000 ? 'whole seconds' : 'a time'
  return word(
    `${whole} with the unit, such as ${example}, from ${least} to ${most}`,
    (text) => {
      const value = readTime(text)
      return value !== undefined && value >= from && value <= to && value % unit === 0 ? value / unit : undefined
    },
    (value) => printTime(value * unit),
  )
}

export const seconds = (example: string, least: string, most: string): Kind<number> => time(1000, example, least, most)
export const milliseconds = (example: string, least: string, most: string): Kind<number> =>
  time(1, example, least, most)

/** A name of labels, in lower case and without a dot at its end; undefined: none. Underscores stand in names of services. */
export function readDomain(text: string): string | undefined {
  const name = text.replace(/\.$/, '').toLowerCase()
  const labels = name.split('.')
  if (name.length > 253 || !labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)))
    return undefined
  return name
}

export const domain: Kind<string> = word('a domain name, such as corp.example', readDomain)

export const service: Kind<string> = word('a service as NAME.NAMESPACE, such as kube-dns.kube-system', (text) =>
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? text : undefined,
)

export const range: Kind<Cidr> = word('an address range, such as 10.96.0.0/12', parseCidr, formatCidr)

export const place: Kind<Place> = word(
  'an address and a port, such as 0.0.0.0:53 or "[::]:53"',
  (text) => {
    const found = readPlace(text)
    return found?.port === undefined ? undefined : { address: found.address, port: found.port }
  },
  printPlace,
)

/** `10.0.0.1`, `10.0.0.1:53`, `fd00::1`, `[fd00::1]:53`; undefined: none of them. */
export function readPlace(text: string): { address: Address; port?: number } | undefined {
  const whole = parseAddress(text)
  if (whole !== undefined) return { address: whole }
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = parseAddress(six ?? four ?? '')
  if (address === undefined || (six !== undefined && family(address) === 4)) return undefined
  if (digits === undefined) return { address }
  const port = Number(digits)
  return port > 0xffff ? undefined : { address, port }
}

export function printPlace({ address, port }: Place): string {
  return hostPort(address, port)
}

/** A line as hosts(5) has them; undefined: none. */
export function readHostsLine(text: string): HostsEntry | undefined {
  const [first = '', ...rest] = text.trim().split(/\s+/)
  const address = parseAddress(first)
  const names = rest.map(readDomain).filter((name) => name !== undefined)
  return address === undefined || names.length === 0 || names.length < rest.length ? undefined : { address, names }
}

export const hostsLine: Kind<HostsEntry> = word(
  'an address and its names, such as 10.1.2.3 db.corp.example db',
  readHostsLine,
  ({ address, names }) => [address, ...names].join(' '),
)

export const path: Kind<string> = word('the whole path of a file', (text) => (text.startsWith('/') ? text : undefined))
