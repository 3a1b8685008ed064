import { didYouMean } from '../../base/nearest.ts'
import type { Spot } from './spot.ts'

/** What stands in a YAML text for a value: text, lists and maps of it. Objects would not keep the order of names that look like numbers. */
export type Plain = string | readonly Plain[] | ReadonlyMap<string, Plain>

/** How values of one kind are read and printed. */
export interface Kind<T> {
  /** In words that follow "allowed is". */
  readonly allowed: string
  /** undefined: what is wrong has been told to `spot`. */
  read(spot: Spot): T | undefined
  print(value: T): Plain
}

/** One word. `parse` gives undefined for what is none of the kind. */
export function word<T>(
  allowed: string,
  parse: (text: string) => T | undefined,
  print: (value: T) => string = String,
): Kind<T> {
  return {
    allowed,
    read(spot) {
      const { text } = spot
      const value = text === undefined || text === '' ? undefined : parse(text)
      return value === undefined ? spot.refuse(allowed) : value
    },
    print,
  }
}

export function list<T>(kind: Kind<T>): Kind<readonly T[]> {
  const allowed = `a list, each ${kind.allowed}`
  return {
    allowed,
    read(spot) {
      const { items } = spot
      if (!items) return spot.refuse(allowed)
      const values = items.map((item) => kind.read(item))
      return values.every((value) => value !== undefined) ? values : undefined
    },
    print: (values) => values.map((value) => kind.print(value)),
  }
}

/** One option of a map. */
export interface Option<T> {
  readonly kind: Kind<T>
  /** What it means, in one sentence for docs/dns.md. */
  readonly means: string
  /** `off` stands for none, where something is the default. */
  readonly off?: boolean
  /** There is no default, and one has to be given. */
  readonly needed?: boolean
}

export type Options<T> = { readonly [K in keyof T]-?: Option<Exclude<T[K], undefined>> }

/** A map with fixed names. */
export interface Shape<T> extends Kind<T> {
  readonly options: Options<T>
  readonly defaults: Partial<T>
}

export function shape<T extends object>(defaults: Partial<T>, options: Options<T>): Shape<T> {
  const names = Object.keys(options) as (keyof T & string)[]
  const allowed = `a map of ${names.join(', ')}`
  return {
    allowed,
    options,
    defaults,
    read(spot) {
      const given = spot.empty && spot.path === '' ? [] : spot.fields
      if (!given) return spot.refuse(allowed)
      const value: Partial<T> = { ...defaults }
      const seen = new Set<string>()
      for (const { name, spot: at } of given) {
        seen.add(name)
        const known = names.find((one) => one === name)
        if (known === undefined) at.wrong(unknown(name, names))
        else if (options[known].off && at.text === 'off') delete value[known]
        else {
          const read = options[known].kind.read(at)
          if (read !== undefined) value[known] = read
        }
      }
      for (const name of names)
        if (options[name].needed && !seen.has(name))
          spot.wrong(`nothing is given; allowed is ${options[name].kind.allowed}`, below(spot.path, name))
      return value as T
    },
    print(value) {
      const all = new Map<string, Plain>()
      for (const name of names) {
        const one = value[name]
        if (one !== undefined) all.set(name, options[name].kind.print(one as Exclude<T[typeof name], undefined>))
        else if (options[name].off) all.set(name, 'off')
      }
      return all
    },
  }
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function unknown(name: string, names: readonly string[]): string {
  const like = didYouMean(name, names)
  return `there is no option "${name}"; ${like === '' ? `allowed is ${names.join(', ')}` : like}`
}
