import { badRequest, undecodable } from '../errors.ts'
import { type AnyObject, isRecord, set } from '../json.ts'
import type { Resource } from '../resources.ts'
import { type Fields, fieldsOf, type Plain, type Type } from './types.ts'

export interface Decoded {
  /** Fields that Kubernetes does not know, with those it knows in that place; they are gone from the value. */
  readonly unknown: { path: string; key: string; known: Fields }[]
  /** Values that do not fit their field. */
  readonly wrong: { path: string; say: string }[]
}

/**
 * Brings a parsed body into the form of its type, in place: drops nulls and unknown fields, turns quantities that were
 * written as numbers into text, and reports what does not fit.
 */
export function decode(value: Record<string, unknown>, type: string): Decoded {
  const decoded: Decoded = { unknown: [], wrong: [] }
  decodeObject(value, fieldsOf(type), '', decoded)
  return decoded
}

/** Upstream's three ways to treat unknown fields: refuse them, tell about them, drop them. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore'

/** {@link decode} for a request's object: throws BadRequest as kube-apiserver words it; calls `warn` for each unknown field. */
export function decodeFor(
  resource: Resource,
  value: unknown,
  validation: FieldValidation,
  warn: (text: string) => void = () => {},
): AnyObject {
  if (!isRecord(value)) throw badRequest(`a ${resource.kind} must be a JSON object`)
  const { unknown, wrong } = decode(value, resource.kind)
  if (wrong.length > 0) throw undecodable(resource, wrong.map(({ path, say }) => `${path}: ${say}`).join(', '))
  const said = unknown.map(({ path }) => `unknown field ${JSON.stringify(path)}`)
  if (validation === 'Strict' && said.length > 0)
    throw undecodable(resource, `strict decoding error: ${said.join(', ')}`)
  if (validation === 'Warn') said.forEach(warn)
  return value as unknown as AnyObject
}

export function decodeStrictly(resource: Resource, value: unknown): AnyObject {
  return decodeFor(resource, value, 'Strict')
}

function decodeObject(value: Record<string, unknown>, fields: Fields, path: string, decoded: Decoded): void {
  for (const key of Object.keys(value)) {
    const here = path === '' ? key : `${path}.${key}`
    const field = fields.get(key)
    if (field === undefined) {
      decoded.unknown.push({ path: here, key, known: fields })
      delete value[key]
    } else if (value[key] === null || value[key] === undefined) {
      delete value[key]
    } else {
      value[key] = decodeValue(value[key], field.type, here, decoded)
    }
  }
}

function decodeValue(value: unknown, type: Type, path: string, decoded: Decoded): unknown {
  if (type.is === 'plain') {
    const { wanted, fits } = plain[type.code]
    const held = type.code === 'q' && typeof value === 'number' ? String(value) : value
    return fits(held) ? held : wrong(decoded, path, wanted, value)
  }
  if (type.is === 'list') {
    if (!Array.isArray(value)) return wrong(decoded, path, 'a list', value)
    for (const [at, item] of value.entries()) value[at] = decodeValue(item, type.of, `${path}[${at}]`, decoded)
    return value
  }
  if (!isRecord(value)) return wrong(decoded, path, type.is === 'map' ? 'a map' : 'an object', value)
  if (type.is === 'object') decodeObject(value, fieldsOf(type.name), path, decoded)
  else
    for (const key of Object.keys(value)) {
      // A null in a map of text is empty text, as Go decodes it.
      const item = value[key] === null && type.of.is === 'plain' ? '' : value[key]
      set(value, key, decodeValue(item, type.of, `${path}.${key}`, decoded))
    }
  return value
}

const quantity = /^[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/
const time = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

const isText = (value: unknown): value is string => typeof value === 'string'
const isInt32 = (value: unknown): boolean => Number.isInteger(value) && Math.abs(value as number) <= 0x7fff_ffff

const plain: Readonly<Record<Plain, { wanted: string; fits: (value: unknown) => boolean }>> = {
  s: { wanted: 'text', fits: isText },
  B: { wanted: 'text in base64', fits: (value) => isText(value) && base64.test(value) && value.length % 4 === 0 },
  b: { wanted: 'true or false', fits: (value) => typeof value === 'boolean' },
  i: { wanted: 'an integer', fits: isInt32 },
  l: { wanted: 'an integer', fits: Number.isSafeInteger },
  n: { wanted: 'a number', fits: (value) => typeof value === 'number' },
  x: { wanted: 'an integer or text', fits: (value) => isText(value) || isInt32(value) },
  q: { wanted: 'a quantity such as 500m, 2 or 64Mi', fits: (value) => isText(value) && quantity.test(value) },
  t: {
    wanted: 'a time such as 2026-01-31T12:00:00Z',
    fits: (value) => isText(value) && time.test(value) && !Number.isNaN(Date.parse(value)),
  },
  '*': { wanted: 'anything', fits: () => true },
}

function wrong(decoded: Decoded, path: string, wanted: string, got: unknown): unknown {
  const shown = JSON.stringify(got) ?? 'nothing'
  decoded.wrong.push({ path, say: `expected ${wanted}, not ${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown}` })
  return got
}
