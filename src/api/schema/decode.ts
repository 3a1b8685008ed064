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
  switch (type.is) {
    case 'plain':
      return decodePlain(value, type.code, path, decoded)
    case 'object':
      if (!isRecord(value)) return wrong(decoded, path, 'an object', value)
      decodeObject(value, fieldsOf(type.name), path, decoded)
      return value
    case 'list':
      if (!Array.isArray(value)) return wrong(decoded, path, 'a list', value)
      for (const [at, item] of value.entries()) value[at] = decodeValue(item, type.of, `${path}[${at}]`, decoded)
      return value
    case 'map':
      if (!isRecord(value)) return wrong(decoded, path, 'a map', value)
      for (const key of Object.keys(value)) {
        // A null in a map of text is empty text, as Go decodes it.
        const item = value[key] === null && type.of.is === 'plain' ? '' : value[key]
        set(value, key, decodeValue(item, type.of, `${path}.${key}`, decoded))
      }
      return value
  }
}

const quantity = /^[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/
const time = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

function decodePlain(value: unknown, code: Plain, path: string, decoded: Decoded): unknown {
  switch (code) {
    case 's':
      return typeof value === 'string' ? value : wrong(decoded, path, 'text', value)
    case 'B':
      return typeof value === 'string' && base64.test(value) && value.length % 4 === 0
        ? value
        : wrong(decoded, path, 'text in base64', value)
    case 'b':
      return typeof value === 'boolean' ? value : wrong(decoded, path, 'true or false', value)
    case 'i':
      return Number.isInteger(value) && Math.abs(value as number) <= 0x7fff_ffff
        ? value
        : wrong(decoded, path, 'an integer', value)
    case 'l':
      return Number.isSafeInteger(value) ? value : wrong(decoded, path, 'an integer', value)
    case 'n':
      return typeof value === 'number' ? value : wrong(decoded, path, 'a number', value)
    case 'x':
      return typeof value === 'string' || (Number.isInteger(value) && Math.abs(value as number) <= 0x7fff_ffff)
        ? value
        : wrong(decoded, path, 'an integer or text', value)
    case 'q': {
      const text = typeof value === 'number' ? String(value) : value
      return typeof text === 'string' && quantity.test(text)
        ? text
        : wrong(decoded, path, 'a quantity such as 500m, 2 or 64Mi', value)
    }
    case 't':
      return typeof value === 'string' && time.test(value) && !Number.isNaN(Date.parse(value))
        ? value
        : wrong(decoded, path, 'a time such as 2026-01-31T12:00:00Z', value)
    case '*':
      return value
  }
}

function wrong(decoded: Decoded, path: string, wanted: string, got: unknown): unknown {
  const shown = JSON.stringify(got) ?? 'nothing'
  decoded.wrong.push({ path, say: `expected ${wanted}, not ${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown}` })
  return got
}
