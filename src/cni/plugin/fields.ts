import { nearest } from '../../base/nearest.ts'
import { CniError } from './error.ts'
import { type Fields, isFields } from './input.ts'

// What a field of the configuration must be. `where` is its path from the top, for messages: `ipam.subnet`.

export function text(fields: Fields, key: string, where: string = key): string | undefined {
  const value = fields[key]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return value
  throw wrong(where, value, 'a text')
}

export function flag(fields: Fields, key: string, absent: boolean, where: string = key): boolean {
  const value = fields[key] ?? absent
  if (typeof value === 'boolean') return value
  throw wrong(where, value, 'true or false')
}

/** A whole number within bounds. */
export function number(
  fields: Fields,
  key: string,
  { min, max }: { min: number; max: number },
  where: string = key,
): number | undefined {
  const value = fields[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw wrong(where, value, `a whole number from ${min} to ${max}`)
}

/** Empty when it is not there. */
export function list(fields: Fields, key: string, where: string = key): readonly unknown[] {
  const value = fields[key] ?? []
  if (Array.isArray(value)) return value
  throw wrong(where, value, 'a list')
}

/** Empty when it is not there. */
export function object(fields: Fields, key: string, where: string = key): Fields {
  return objectOf(fields[key] ?? {}, where)
}

export function objectOf(value: unknown, where: string): Fields {
  if (isFields(value)) return value
  throw wrong(where, value, 'an object')
}

/**
 * Nothing that is asked for is passed over. Fields that say "no" (false, 0, empty) ask for nothing. `ofRuntime` are those that only the
 * runtime gives.
 */
export function nothingElse(
  fields: Fields,
  known: readonly string[],
  where = '',
  ofRuntime: readonly string[] = [],
): void {
  for (const [key, value] of Object.entries(fields)) {
    if (known.includes(key) || saysNo(value)) continue
    if (ofRuntime.includes(key))
      throw new CniError(
        'unsupportedField',
        `${where}${key} comes from the runtime, as runtimeConfig.${key}: write "capabilities": {"${key}": true} instead`,
      )
    const like = nearest(key, known).map((one) => `${where}${one}`)
    const meant = like.length === 0 ? '' : `: did you mean ${like.join(' or ')}?`
    throw new CniError('unsupportedField', `this plugin has no ${where}${key}, which is ${shown(value)}${meant}`)
  }
}

export function wrong(where: string, value: unknown, what: string): CniError {
  return new CniError('badConfig', `${where} is ${shown(value)}, not ${what}`)
}

function saysNo(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return !value
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'missing'
}
