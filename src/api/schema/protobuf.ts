import { badRequest } from '../errors.ts'
import { set } from '../json.ts'
import table from './protobuf.json' with { type: 'json' }

type Fields = ReadonlyMap<number, Field>
interface Field {
  /** Empty for a type that is embedded: its fields are the outer one's. */
  readonly name: string
  /** s string, B bytes, b boolean, i integer, t time, q quantity, x integer or string, * JSON; else the name of a type. */
  readonly code: string
  readonly many: 'list' | 'map' | undefined
  /** Only a pointer tells zero from nothing. Others are always sent, also when nobody set them. */
  readonly pointer: boolean
}

type Json = Record<string, unknown>
const lines = table as Readonly<Record<string, string>>
const parsed = new Map<string, Fields>()

/** An object as clients written in Go send it: `k8s`, a zero byte, and `Unknown` (apimachinery, pkg/runtime/generated.proto). */
export function decodeProtobuf(bytes: Buffer): Json {
  if (bytes.subarray(0, 4).toString('latin1') !== 'k8s\0') throw badRequest('the body is no protobuf of Kubernetes')
  let kind = ''
  let apiVersion = ''
  let raw: Buffer = Buffer.alloc(0)
  for (const { number, value } of fieldsIn(bytes.subarray(4))) {
    if (number === 1)
      for (const inner of fieldsIn(bytesOf(value)))
        if (inner.number === 1) apiVersion = bytesOf(inner.value).toString('utf8')
        else if (inner.number === 2) kind = bytesOf(inner.value).toString('utf8')
    if (number === 2) raw = bytesOf(value)
  }
  if (!Object.hasOwn(lines, kind)) throw badRequest(`a ${kind} is not taken in protobuf: send it as JSON`)
  return { apiVersion, kind, ...message(raw, kind) }
}

function message(bytes: Buffer, type: string): Json {
  const fields = fieldsOf(type)
  const object: Json = {}
  for (const { number, value } of fieldsIn(bytes)) {
    const field = fields.get(number)
    // A field of a newer Kubernetes.
    if (!field) continue
    if (field.name === '') Object.assign(object, message(bytesOf(value), field.code))
    else if (field.many === 'list') {
      const list = (object[field.name] ?? []) as unknown[]
      list.push(read(value, field.code))
      object[field.name] = list
    } else if (field.many === 'map') {
      const map = (object[field.name] ?? {}) as Json
      entry(map, bytesOf(value), field.code)
      object[field.name] = map
    } else {
      const one = read(value, field.code)
      if (field.pointer || !isNothing(one)) object[field.name] = one
    }
  }
  return object
}

function entry(map: Json, bytes: Buffer, code: string): void {
  let key = ''
  let value: unknown = code === 's' || code === 'B' ? '' : undefined
  for (const one of fieldsIn(bytes))
    if (one.number === 1) key = bytesOf(one.value).toString('utf8')
    else if (one.number === 2) value = read(one.value, code)
  set(map, key, value)
}

function read(value: Value, code: string): unknown {
  switch (code) {
    case 's':
      return bytesOf(value).toString('utf8')
    case 'B':
      return bytesOf(value).toString('base64')
    case 'b':
      return numberOf(value) !== 0
    case 'i':
      return numberOf(value)
    case 't':
      return time(bytesOf(value))
    case 'q':
      return textOf(bytesOf(value))
    case 'x':
      return integerOrString(bytesOf(value))
    case '*':
      return json(textOf(bytesOf(value)))
    default:
      return message(bytesOf(value), code)
  }
}

function isNothing(value: unknown): boolean {
  return (
    value === '' ||
    value === 0 ||
    value === false ||
    value === undefined ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  )
}

function time(bytes: Buffer): string | undefined {
  let seconds: number | undefined
  for (const { number, value } of fieldsIn(bytes)) if (number === 1) seconds = numberOf(value)
  if (seconds === undefined) return undefined
  if (Math.abs(seconds) > 8.64e12) throw badRequest('a time in the body is out of range')
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`
}

/** The one string of a message that wraps it. */
function textOf(bytes: Buffer): string {
  let text = ''
  for (const { number, value } of fieldsIn(bytes)) if (number === 1) text = bytesOf(value).toString('utf8')
  return text
}

function integerOrString(bytes: Buffer): number | string {
  let isText = false
  let [number, text] = [0, '']
  for (const field of fieldsIn(bytes)) {
    if (field.number === 1) isText = numberOf(field.value) === 1
    else if (field.number === 2) number = numberOf(field.value)
    else if (field.number === 3) text = bytesOf(field.value).toString('utf8')
  }
  return isText ? text : number
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(`JSON inside the body is unreadable: ${(error as Error).message}`)
  }
}

/** A varint, or bytes: Kubernetes uses no other wire type in what is read here. */
type Value = number | Buffer

function bytesOf(value: Value): Buffer {
  if (typeof value === 'number') throw badRequest('the body does not fit its type: a number where text should be')
  return value
}

function numberOf(value: Value): number {
  if (typeof value !== 'number') throw badRequest('the body does not fit its type: text where a number should be')
  return value
}

/** The fields of one message (protobuf.dev/programming-guides/encoding), in their order. */
function* fieldsIn(bytes: Buffer): Generator<{ number: number; value: Value }> {
  let at = 0
  const varint = (): number => {
    const first = bytes[at]
    // Nearly all are this short, and this way costs no BigInt.
    if (first !== undefined && first < 0x80) {
      at++
      return first
    }
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw cut()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
    throw badRequest('a number in the body is too long')
  }
  const take = (length: number): Buffer => {
    if (length < 0 || length > bytes.length - at) throw cut()
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    const number = Math.floor(tag / 8)
    if (wire === 0) yield { number, value: varint() }
    else if (wire === 2) yield { number, value: take(varint()) }
    else if (wire === 1 || wire === 5) take(wire === 1 ? 8 : 4)
    else throw badRequest(`wire type ${wire} in the body is not known`)
  }
}

function cut(): Error {
  return badRequest('the body ends in the middle of a field')
}

function fieldsOf(type: string): Fields {
  let fields = parsed.get(type)
  if (!fields) {
    const line = lines[type] ?? ''
    fields = new Map(line === '' ? [] : line.split(';').map(fieldOf))
    parsed.set(type, fields)
  }
  return fields
}

function fieldOf(text: string): [number, Field] {
  const [number = '', label = '', code = ''] = text.split(' ')
  const many = code.startsWith('[]') ? 'list' : code.startsWith('{}') ? 'map' : undefined
  const name = label.replace(/[*+]$/, '')
  return [Number(number), { name, code: many ? code.slice(2) : code, many, pointer: label.endsWith('*') }]
}
