import { type Address, parseAddress } from '../../base/address.ts'
import { nameToWire, wireName } from '../wire/name.ts'

export interface HostsLine {
  readonly address: Address
  /** Lower case, without a dot at the end. */
  readonly names: readonly string[]
  /** For people: `hosts /etc/kubehop/hosts line 3`. */
  readonly from: string
}

/** What is said of one name or address, and where that stands. */
export interface HostsEntryFound<T> {
  readonly values: readonly T[]
  readonly from: string
}

/** Names that are told of one address. Files that block names have a hundred thousand with 0.0.0.0: nobody can be told all of them. */
const mostNames = 100

/** Lines in the form that questions have. A name on several lines has the addresses of all of them, and an address the first of the names. */
export class HostsTable {
  readonly #addresses = new Map<string, { values: Address[]; from: string }>()
  readonly #names = new Map<Address, { values: string[]; from: string }>()

  /** How many there are. */
  readonly lines: number

  constructor(lines: readonly HostsLine[]) {
    this.lines = lines.length
    for (const { address, names, from } of lines)
      for (const name of names) {
        add(this.#addresses, wireName(name) ?? '', address, from)
        add(this.#names, address, name, from, mostNames)
      }
  }

  /** `name`: in wire form, one character per byte, in lower case. */
  addressesOf(name: string): HostsEntryFound<Address> | undefined {
    return this.#addresses.get(name)
  }

  namesOf(address: Address): HostsEntryFound<string> | undefined {
    return this.#names.get(address)
  }
}

/** A file as hosts(5) describes; `wrong` tells, line by line, what is left out. */
export function readHosts(text: string, file: string): { lines: HostsLine[]; wrong: string[] } {
  const lines: HostsLine[] = []
  const wrong: string[] = []
  for (const [at, whole] of text.split('\n').entries()) {
    const [first, ...rest] = whole.replace(/#.*$/s, '').trim().split(/\s+/)
    if (first === undefined || first === '') continue
    const place = `${file} line ${at + 1}`
    const address = parseAddress(first)
    const names = rest.map((name) => name.toLowerCase().replace(/\.$/, ''))
    const bad = names.filter((name) => name === '' || !nameToWire(name))
    if (address === undefined) wrong.push(`${place}: "${first}" is not an IP address`)
    else if (names.length === 0) wrong.push(`${place}: no name after ${first}`)
    for (const name of bad) wrong.push(`${place}: "${name}" is not a domain name`)
    const good = names.filter((name) => !bad.includes(name))
    if (address !== undefined && good.length > 0) lines.push({ address, names: good, from: `hosts ${place}` })
  }
  return { lines, wrong }
}

function add<K, V>(
  to: Map<K, { values: V[]; from: string }>,
  key: K,
  value: V,
  from: string,
  most: number = Number.POSITIVE_INFINITY,
): void {
  const known = to.get(key)
  if (!known) to.set(key, { values: [value], from })
  else if (known.values.length < most && !known.values.includes(value)) known.values.push(value)
}
