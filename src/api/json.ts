import type { KubeObject } from './objects/meta.ts'

/** Any object as the API stores it: known metadata, everything else unlooked at. */
export type AnyObject = KubeObject & { [field: string]: unknown }

/** A deep copy of a JSON value: plain objects and arrays, nothing else. */
export function clone<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(clone) as T
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) set(copy, key, clone((value as Record<string, unknown>)[key]))
  return copy as T
}

/** Deep equality of JSON values; a field that is undefined is the same as a missing one. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => equal(item, b[at]))
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key of Object.keys(left)) if (!equal(left[key], own(right, key))) return false
  for (const key of Object.keys(right)) if (right[key] !== undefined && own(left, key) === undefined) return false
  return true
}

/** Freezes all of it, so that nobody changes what the store and every watcher share. */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const key of Object.keys(value)) freeze((value as Record<string, unknown>)[key])
  return value
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field of the object itself, never one that it inherits (`constructor`, `__proto__` in hostile input). */
export function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** Assigns, also a key called `__proto__`, which plain assignment would treat as the prototype. */
export function set(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  else record[key] = value
}

/** No honest object is nested deeper; what is (or refers to itself, as a YAML alias can) would only exhaust the stack. */
export const depthLimit: number = 100

export function tooDeep(value: unknown, left: number = depthLimit): boolean {
  if (typeof value !== 'object' || value === null) return false
  return left === 0 || Object.values(value).some((item) => tooDeep(item, left - 1))
}

const texts = new WeakMap<object, string>()
/** The JSON text of a frozen object, made once however many watchers it goes to. */
export function jsonOf(object: object): string {
  if (!Object.isFrozen(object)) return JSON.stringify(object)
  let text = texts.get(object)
  if (text === undefined) {
    text = JSON.stringify(object)
    texts.set(object, text)
  }
  return text
}
